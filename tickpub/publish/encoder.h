/*
 * encoder.h -- what a batch becomes in RESP, except for its journal entries.
 *
 * Commands have numbers, from 1, so that the caller can say which of them were
 * not answered: what they wrote as newest values is written again.  The ledger
 * says how many events each of them stands for: a PUBLISH for those in it, if
 * they have another channel too only once; one without a channel counts with
 * what was written just before.
 *
 * Pure: batches, destinations and times in; RESP out.
 *
 * Ownership   zeroed is empty, encoder_close() frees; channels and keys in it
 *             are borrowed
 */
#pragma once

#include "common/base/bytes.h"
#include "tickpub/publish/ack_ledger.h"
#include "tickpub/publish/batch.h"
#include "tickpub/publish/destination.h"

struct encoder {
    struct bytes run;         /* whole commands */
    unsigned commands;        /* how many */
    uint64_t before;          /* number of the last command of earlier runs */
    struct ack_ledger ledger; /* the caller takes what is answered */
    /* What waits to be written as newest value. */
    struct channel **channels;
    size_t n_channels, cap_channels;
    struct key **keys;
    size_t n_keys, cap_keys;
    /* --batch: channels of the batch at hand, and lines being joined. */
    struct channel **groups;
    size_t n_groups, cap_groups;
    struct bytes joined;
};

struct encoder_counts {
    uint64_t messages; /* PUBLISH commands */
    uint64_t objects;  /* in them */
    uint64_t stale;    /* events that were not published */
    uint64_t silent;   /* events for which there was nothing to write */
};

void encoder_close(struct encoder *e);
/* Start anew; what waits stays. */
void encoder_clear(struct encoder *e);

/* Note that the record at the end of b holds the newest message of the i-th
 * channel of dest. */
void encoder_touch_channel(struct encoder *e, struct destination *dest, int i,
                           const struct batch *b, const struct record *r);
/* The same for its latest-value key. */
void encoder_touch_key(struct encoder *e, struct destination *dest,
                       const struct event *ev, const struct batch *b,
                       const struct record *r);
/* b will not be sent: what waits in it is forgotten. */
void encoder_forget(struct encoder *e, const struct batch *b);

/* The newest values that were sent by the command of number from, or later,
 * wait again. */
void encoder_again(struct encoder *e, const struct destinations *t,
                   uint64_t from);
/* Some newest values wait. */
static inline bool encoder_waits(const struct encoder *e)
{
    return e->n_channels + e->n_keys > 0;
}

/* Append the newest values that wait.  link counts connections: a new one may
 * be to an empty Redis, which needs every lifetime again. */
void encoder_latest(struct encoder *e, uint64_t now_ms, unsigned link);
/* Append what b's records, from a certain one on, publish and keep, one PUBLISH
 * each or, if joined, one a channel; objects read before stale_before_ms are
 * not published.  Stops after some 64 KiB (joined: at the end) and returns
 * where to go on; b->count when all is done. */
uint32_t encoder_records(struct encoder *e, struct batch *b, uint32_t from,
                         bool joined, uint64_t stale_before_ms,
                         struct encoder_counts *counts);

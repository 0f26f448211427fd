/*
 * outbox.h -- bars as Redis commands, until they are sent.
 *
 * A bar is published on {prefix}bars:{symbol}:{resolution}; a final one is also
 * put into the sorted set {prefix}bars:history:{symbol}:{resolution}, in the
 * place of its earlier revisions.  The newest bar of each series goes into the
 * hash {prefix}last:bars:{symbol}:{resolution}, field "bar", once for all that
 * is sent together.
 *
 * Pure: bars in, RESP out.
 *
 * Ownership   outbox_init/outbox_close; routes must outlive it.  Notes on
 *             series (series.slot) are cleared by outbox_latest()
 */
#pragma once

#include "bargen/core/message.h"
#include "bargen/core/symbol.h"
#include "common/base/bytes.h"
#include "common/event/event.h"
#include "common/event/route.h"
#include "common/redis/redis_reply.h"

struct outbox_options {
    struct span prefix;
    const struct route *route; /* of bars */
    int64_t history_max;
    bool updates;       /* open bars are published too */
    const char *source; /* member of every message, or NULL */
    bool ask;           /* note who hears nothing: see outbox_answered() */
};

/* What the newest values of a series are. */
struct outbox_note {
    struct series *series;
    struct symbol *symbol;
    const struct resolution *resolution;
    size_t at, len; /* of the newest message in run; len 0: none */
    bool final;     /* the history has grown */
};

/* Which command publishes a bar of which series. */
struct outbox_told {
    struct series *series;
    unsigned command;
};

struct outbox {
    struct outbox_options options;
    struct bytes run;  /* whole commands */
    unsigned commands; /* how many */
    struct outbox_note *notes;
    unsigned n_notes, cap_notes;
    struct outbox_told *told, *sent; /* in the run; in what was taken over */
    unsigned n_told, cap_told, n_sent, cap_sent;
    struct bytes message, name;
    struct event ev; /* for route_expand() */
};

void outbox_init(struct outbox *o, const struct outbox_options *options);
void outbox_close(struct outbox *o);
void outbox_bar(struct outbox *o, struct symbol *sym, unsigned index,
                const struct resolution *r, const struct bar *bar,
                enum bar_issue how);
/* Append what is written once a batch: newest values, bounds of histories. */
void outbox_latest(struct outbox *o);
/* After the run was taken over. */
void outbox_clear(struct outbox *o);
/* What its commands were answered, the first of them first: series whose last
 * bar nobody has heard are marked. */
void outbox_answered(struct outbox *o, const struct redis_reply *reply,
                     size_t n);
/* All that waits, with its notes: the symbols are to be forgotten. */
void outbox_forget(struct outbox *o);

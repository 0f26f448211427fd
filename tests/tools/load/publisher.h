/*
 * publisher.h -- publishes prices in Redis at a rate, for ordinary.h's slots.
 *
 * Of ten messages one is of stock:price_updates, of a hundred one on a channel
 * that was never there before (market_data:N<count>), the others take the
 * channels market_data:S0 and on by turns.  The first `quiet` channels are left
 * out: they get a message only when all do.
 *
 * Time        a message carries when it was due, so that one that left late,
 *             because somebody had the processor, is late by that much
 */
#pragma once

#include "tests/tools/load/ordinary.h"

struct publisher {
    struct peer peer; /* must be first; to Redis */
    int epoll;
    double rate; /* a second; 0: none */
    bool cache;  /* last:<channel> is written in the same transaction */
    unsigned quiet;
    bool begun;
    uint64_t begun_ns; /* monotonic */
    int64_t begun_wall_ns;
    uint64_t done; /* messages at the rate */
    uint64_t turn, channel_turn;
    int64_t *newest; /* of each slot: count of the last message */
    uint64_t published;
};

/* Connects; false: nobody listens there. */
bool publisher_open(struct publisher *p, int epoll, unsigned port,
                    const struct field *f);
/* The rate counts from here. */
void publisher_begin(struct publisher *p);
void publisher_on_event(struct publisher *p, uint32_t events);
/* What is due by now; nanoseconds until the next is. */
uint64_t publisher_run(struct publisher *p, const struct field *f,
                       uint64_t now_ns);
/* One for every slot that is not fresh, and `fresh` new channels; the floor of
 * the field becomes what was published. */
void publisher_all(struct publisher *p, struct field *f, unsigned fresh);
/* The floor becomes what was published, fresh channels left out. */
void publisher_floor(const struct publisher *p, struct field *f);

/*
 * slice.h -- what serving clients may take of a turn of the loop.
 *
 * The addresses that were worked for in one turn share SLICE_TURN_US of the
 * next, but each has SLICE_MIN_US; a turn with little else to do is as short, so
 * that nobody waits for a slice while there is time.  What an address took beyond
 * its slice is taken off those of the next turns.
 *
 * What is begun is finished, and one message can take as long as many turns: so
 * when the time of a turn is used up, nothing is begun in it that may take
 * longer than SLICE_COST_MAX_US, which are bytes from SLICE_LONG_BYTES on and
 * clients that took longer of late.  Otherwise the messages of several addresses
 * would add up in one turn.  Whoever asks for little is served in every turn.
 *
 * One message that takes milliseconds keeps everybody waiting, as no other work
 * does: what it takes beyond SLICE_WORK_US counts SLICE_SURCHARGE times, up to
 * SLICE_CHARGE_MAX_US, as it may have been the machine that was slow.  So long
 * turns are few however many addresses ask for them.
 *
 * Units       *_US microseconds, *_ns nanoseconds
 */
#pragma once

#include "wsgate/client/clients.h"

enum {
    SLICE_TURN_US = 500, /* shared by the addresses that want it */
    SLICE_MIN_US = 30,   /* however many they are */
    SLICE_COST_MAX_US = 60,
    SLICE_WORK_US = 1500, /* what a large message may take: a thousand names */
    SLICE_SURCHARGE = 8,
    SLICE_CHARGE_MAX_US = 50000,
    SLICE_LONG_BYTES = 4096,
};

struct slices {
    uint64_t turn;     /* the present one */
    uint64_t slice_ns; /* of an address in it */
    uint64_t spent_ns; /* in it, for all */
    uint32_t working;  /* addresses that were worked for in it */
};

/* The next turn; all zero: the first. */
void slice_turn(struct slices *all);
/* Of the address of c, in this turn. */
uint64_t slice_left_ns(const struct slices *all, const struct client *c);
/* So many bytes of c may be begun with now. */
bool slice_fits(const struct slices *all, const struct client *c, size_t bytes);
/* c was worked for. */
void slice_used(struct slices *all, struct client *c, uint64_t took_ns);

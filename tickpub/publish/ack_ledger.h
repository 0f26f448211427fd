/*
 * ledger.h -- how many events each unanswered command tells the fate of.
 *
 * Commands are answered in order, so this is a queue of numbers; equal
 * neighbours share one place, as most commands stand for one event.
 *
 * Pure.
 *
 * Ownership   zeroed is empty; ledger_close() frees
 */
#ifndef TICKPUB_PUBLISH_ACK_LEDGER_H
#define TICKPUB_PUBLISH_ACK_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ledger_run;

struct ledger {
    struct ledger_run *run; /* a ring, cap a power of two */
    size_t cap, head, runs;
    uint64_t events; /* of all commands in it */
};

void ledger_close(struct ledger *l);
/* commands more, each of which stands for events. */
void ledger_add(struct ledger *l, uint64_t commands, uint64_t events);
/* The last command stands for so many more; false: there is none. */
bool ledger_add_to_last(struct ledger *l, uint64_t events);
/* The oldest command is settled: its events; 0 where there is none. */
uint64_t ledger_take(struct ledger *l);

#endif

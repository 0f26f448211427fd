/*
 * ack_ledger.h -- how many events each unanswered command tells the fate of.
 *
 * Commands are answered in order, so this is a queue of numbers; equal
 * neighbours share one place, as most commands stand for one event.
 *
 * Pure.
 *
 * Ownership   zeroed is empty; ack_ledger_close() frees
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ack_run;

struct ack_ledger {
    struct ack_run *run; /* a ring, cap a power of two */
    size_t cap, head, runs;
    uint64_t events; /* of all commands in it */
};

void ack_ledger_close(struct ack_ledger *l);
/* commands more, each of which stands for events. */
void ack_ledger_add(struct ack_ledger *l, uint64_t commands, uint64_t events);
/* The last command stands for so many more; false: there is none. */
bool ack_ledger_add_to_last(struct ack_ledger *l, uint64_t events);
/* The oldest command is settled: its events; 0 where there is none. */
uint64_t ack_ledger_take(struct ack_ledger *l);

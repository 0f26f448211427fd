#include "tickpub/publish/ack_ledger.h"

#include <stdlib.h>

#include "common/base/bytes.h"

enum { FIRST_RUNS = 16 };

struct ack_run {
    uint64_t commands;
    uint64_t events; /* of each */
};

void ack_ledger_close(struct ack_ledger *l)
{
    free(l->run);
    *l = (struct ack_ledger){0};
}

static struct ack_run *at(const struct ack_ledger *l, size_t i)
{
    return &l->run[(l->head + i) & (l->cap - 1)];
}

static void grow(struct ack_ledger *l)
{
    size_t cap = l->cap > 0 ? l->cap * 2 : FIRST_RUNS;
    struct ack_run *run = mem_alloc(cap * sizeof *run);

    for (size_t i = 0; i < l->runs; i++)
        run[i] = *at(l, i);
    free(l->run);
    l->run = run;
    l->cap = cap;
    l->head = 0;
}

void ack_ledger_add(struct ack_ledger *l, uint64_t commands, uint64_t events)
{
    struct ack_run *last = l->runs > 0 ? at(l, l->runs - 1) : NULL;

    if (commands == 0)
        return;
    l->events += commands * events;
    if (last && last->events == events) {
        last->commands += commands;
        return;
    }
    if (l->runs == l->cap)
        grow(l);
    l->runs++;
    *at(l, l->runs - 1) = (struct ack_run){commands, events};
}

bool ack_ledger_add_to_last(struct ack_ledger *l, uint64_t events)
{
    struct ack_run *last = l->runs > 0 ? at(l, l->runs - 1) : NULL;
    uint64_t had;

    if (!last)
        return false;
    had = last->events;
    l->events -= had;
    if (--last->commands == 0)
        l->runs--;
    ack_ledger_add(l, 1, had + events);
    return true;
}

uint64_t ack_ledger_take(struct ack_ledger *l)
{
    struct ack_run *first;
    uint64_t events;

    if (l->runs == 0)
        return 0;
    first = at(l, 0);
    events = first->events;
    l->events -= events;
    if (--first->commands == 0) {
        l->head = (l->head + 1) & (l->cap - 1);
        l->runs--;
    }
    return events;
}

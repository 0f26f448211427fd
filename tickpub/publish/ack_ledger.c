#include "tickpub/publish/ack_ledger.h"

#include <stdlib.h>

#include "common/base/bytes.h"

enum { FIRST_RUNS = 16 };

struct ledger_run {
    uint64_t commands;
    uint64_t events; /* of each */
};

void ledger_close(struct ledger *l)
{
    free(l->run);
    *l = (struct ledger){0};
}

static struct ledger_run *at(const struct ledger *l, size_t i)
{
    return &l->run[(l->head + i) & (l->cap - 1)];
}

static void grow(struct ledger *l)
{
    size_t cap = l->cap > 0 ? l->cap * 2 : FIRST_RUNS;
    struct ledger_run *run = mem_alloc(cap * sizeof *run);

    for (size_t i = 0; i < l->runs; i++)
        run[i] = *at(l, i);
    free(l->run);
    l->run = run;
    l->cap = cap;
    l->head = 0;
}

void ledger_add(struct ledger *l, uint64_t commands, uint64_t events)
{
    struct ledger_run *last = l->runs > 0 ? at(l, l->runs - 1) : NULL;

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
    *at(l, l->runs - 1) = (struct ledger_run){commands, events};
}

bool ledger_add_to_last(struct ledger *l, uint64_t events)
{
    struct ledger_run *last = l->runs > 0 ? at(l, l->runs - 1) : NULL;
    uint64_t had;

    if (!last)
        return false;
    had = last->events;
    l->events -= had;
    if (--last->commands == 0)
        l->runs--;
    ledger_add(l, 1, had + events);
    return true;
}

uint64_t ledger_take(struct ledger *l)
{
    struct ledger_run *first;
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

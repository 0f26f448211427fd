#include "common/redis/redis_pending.h"

#include <stdlib.h>

#include "common/base/bytes.h"

struct redis_pending_run {
    redis_reply_fn *fn;
    void *arg;
    size_t count;
};

void redis_pending_close(struct redis_pending *p)
{
    free(p->run);
    *p = (struct redis_pending){0};
}

static void grow(struct redis_pending *p)
{
    size_t cap = p->cap > 0 ? p->cap * 2 : 16;
    struct redis_pending_run *run = mem_alloc(cap * sizeof *run);

    for (size_t i = 0; i < p->runs; i++)
        run[i] = p->run[(p->head + i) & (p->cap - 1)];
    free(p->run);
    p->run = run;
    p->cap = cap;
    p->head = 0;
}

void redis_pending_add(struct redis_pending *p, redis_reply_fn *fn, void *arg,
                       size_t count)
{
    struct redis_pending_run *last;

    if (count == 0)
        return;
    p->count += count;
    if (p->runs > 0) {
        last = &p->run[(p->head + p->runs - 1) & (p->cap - 1)];
        if (last->fn == fn && last->arg == arg) {
            last->count += count;
            return;
        }
    }
    if (p->runs == p->cap)
        grow(p);
    last = &p->run[(p->head + p->runs++) & (p->cap - 1)];
    *last = (struct redis_pending_run){fn, arg, count};
}

bool redis_pending_take(struct redis_pending *p, struct redis_waiter *out)
{
    struct redis_pending_run *first;

    if (p->runs == 0)
        return false;
    first = &p->run[p->head];
    *out = (struct redis_waiter){first->fn, first->arg};
    p->count--;
    if (--first->count == 0) {
        p->head = (p->head + 1) & (p->cap - 1);
        p->runs--;
    }
    return true;
}

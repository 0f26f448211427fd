#include "wsgate/channels/waiting.h"

#include <stdlib.h>

#include "common/base/bytes.h"
#include "wsgate/channels/channel.h"

static void put(struct waiting *w, uint32_t i, struct view *v)
{
    w->at[i] = v;
    v->waiting_at = i + 1;
}

static void up(struct waiting *w, uint32_t i, struct view *v)
{
    while (i > 0 && w->at[(i - 1) / 2]->due_mono_ms > v->due_mono_ms) {
        put(w, i, w->at[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    put(w, i, v);
}

static void down(struct waiting *w, uint32_t i, struct view *v)
{
    for (;;) {
        uint32_t child = 2 * i + 1;

        if (child + 1 < w->n &&
            w->at[child + 1]->due_mono_ms < w->at[child]->due_mono_ms)
            child++;
        if (child >= w->n || w->at[child]->due_mono_ms >= v->due_mono_ms)
            break;
        put(w, i, w->at[child]);
        i = child;
    }
    put(w, i, v);
}

void waiting_add(struct waiting *w, struct view *v)
{
    if (v->waiting_at != 0)
        return;
    if (w->n == w->cap) {
        w->cap = w->cap == 0 ? 64 : w->cap * 2;
        w->at = mem_grow(w->at, w->cap * sizeof *w->at);
    }
    up(w, w->n++, v);
}

void waiting_remove(struct waiting *w, struct view *v)
{
    struct view *last;
    uint32_t i;

    if (v->waiting_at == 0)
        return;
    i = v->waiting_at - 1;
    v->waiting_at = 0;
    last = w->at[--w->n];
    if (last == v)
        return;
    if (i > 0 && w->at[(i - 1) / 2]->due_mono_ms > last->due_mono_ms)
        up(w, i, last);
    else
        down(w, i, last);
}

void waiting_close(struct waiting *w)
{
    free(w->at);
    *w = (struct waiting){0};
}

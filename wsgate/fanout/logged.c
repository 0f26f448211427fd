#include "wsgate/fanout/logged.h"

#include <stdlib.h>

#include "common/base/bytes.h"

static void grow(struct logged *l)
{
    struct logged wide = {.cap = l->cap == 0 ? 256 : l->cap * 2,
                          .head = l->head,
                          .tail = l->tail};

    wide.at = mem_alloc(wide.cap * sizeof *wide.at);
    for (uint64_t i = l->tail; i < l->head; i++)
        wide.at[i & (wide.cap - 1)] = l->at[i & (l->cap - 1)];
    free(l->at);
    *l = wide;
}

void logged_add(struct logged *l, struct stream *s, uint64_t section,
                uint64_t log_tail)
{
    while (l->tail < l->head &&
           l->at[l->tail & (l->cap - 1)].section < logged_section(log_tail))
        l->tail++;
    if (l->head - l->tail == l->cap)
        grow(l);
    l->at[l->head & (l->cap - 1)].section = section;
    l->at[l->head & (l->cap - 1)].stream = s->id;
    l->head++;
    s->section = section;
}

void logged_close(struct logged *l)
{
    free(l->at);
    *l = (struct logged){0};
}

uint64_t logged_from(const struct logged *l, uint64_t number)
{
    uint64_t section = logged_section(number), from = l->tail, to = l->head;

    while (from < to) {
        uint64_t middle = from + (to - from) / 2;

        if (l->at[middle & (l->cap - 1)].section < section)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

#include "wsgate/fanout/framelog.h"

#include <assert.h>
#include <stdlib.h>

#include "common/base/bytes.h"
#include "common/base/line.h"

enum {
    SIZE_MIN = 4096,
    FRAME_TYPICAL = 128, /* one descriptor for each so many bytes */
    FRAMES_PER_LOG = 4,  /* a frame takes at most a quarter of the log */
};

static size_t power_of_two(size_t at_least)
{
    size_t n = 1;

    while (n < at_least)
        n *= 2;
    return n;
}

void framelog_init(struct framelog *l, size_t size,
                   void (*on_evict)(void *arg, uint64_t number,
                                    const struct frame *f),
                   void *arg)
{
    size_t n = power_of_two(size < SIZE_MIN ? SIZE_MIN : size);

    *l = (struct framelog){.size = n,
                           .n_frames = n / FRAME_TYPICAL,
                           .head = 1,
                           .tail = 1,
                           .on_evict = on_evict,
                           .arg = arg};
    l->bytes = mem_alloc(n + LINE_PAD);
    memset(l->bytes + n, 0, LINE_PAD);
    l->frames = mem_alloc(l->n_frames * sizeof *l->frames);
}

void framelog_close(struct framelog *l)
{
    free(l->bytes);
    free(l->frames);
    *l = (struct framelog){0};
}

size_t framelog_max(const struct framelog *l)
{
    return l->size / FRAMES_PER_LOG;
}

char *framelog_reserve(struct framelog *l, size_t max)
{
    size_t place;

    assert(max <= framelog_max(l));
    place = l->end & (l->size - 1);
    if (place + max > l->size)
        l->end += l->size - place; /* frames do not wrap */
    while (l->tail < l->head) {
        const struct frame *f = framelog_at(l, l->tail);
        if (f->at + l->size >= l->end + max && l->head - l->tail < l->n_frames)
            break;
        if (l->on_evict)
            l->on_evict(l->arg, l->tail, f);
        l->tail++;
    }
    return l->bytes + (l->end & (l->size - 1));
}

uint64_t framelog_commit(struct framelog *l, size_t len, struct frame f)
{
    f.at = l->end;
    f.len = (uint32_t)len;
    l->frames[l->head & (l->n_frames - 1)] = f;
    l->end += len;
    return l->head++;
}

#include "bargen/core/id_steps.h"

static void change(uint32_t *count, int by)
{
    *count = by < 0 && *count < (uint32_t)-by ? 0 : *count + (uint32_t)by;
}

void id_steps_add(struct id_steps *s, int jumps, int longs)
{
    s->n++;
    change(&s->jumps, jumps);
    change(&s->longs, longs);
    if (jumps <= 0)
        return;
    for (; s->n > ID_STEPS_MAX; s->n /= 2) {
        s->jumps /= 2;
        s->longs /= 2;
    }
}

bool id_steps_judge(struct id_steps *s)
{
    uint64_t ones = s->n > s->jumps ? s->n - s->jumps : 0;
    bool was = s->contiguous;

    if (was)
        s->contiguous = ones * 4 >= s->n && (uint64_t)s->longs * 4 <= s->n;
    else
        s->contiguous = s->n + 1 >= ID_STEPS_IDS_MIN && ones * 2 > s->n &&
                        (uint64_t)s->longs * 16 <= s->n;
    return s->contiguous != was;
}

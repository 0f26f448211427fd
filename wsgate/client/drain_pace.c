#include "wsgate/client/drain_pace.h"

struct drain_pace drain_pace_start(uint64_t spread_us)
{
    return (struct drain_pace){.spread_us = spread_us};
}

uint64_t drain_pace_due(struct drain_pace *p, uint64_t now_us, uint64_t left)
{
    uint64_t due = 0;

    for (; left > 0 && p->next_us <= now_us; left--) {
        p->next_us += (p->spread_us - p->next_us) / left;
        due++;
    }
    return due;
}

/*
 * drain_pace.h -- when each of many clients is let go.
 *
 * Pure.  Of n clients, the one after i others goes at i * spread / n.  When
 * some leave by themselves, those that remain share the time that remains: no
 * gap is followed by a crowd, and the end stays where it was.
 *
 * Units       *_us microseconds since the drain began
 */
#pragma once

#include <stdint.h>

struct drain_pace {
    uint64_t spread_us;
    uint64_t next_us; /* when the next one is due; spread_us at most */
};

struct drain_pace drain_pace_start(uint64_t spread_us);
/* How many of the `left` clients are due by now_us.  They count as gone. */
uint64_t drain_pace_due(struct drain_pace *p, uint64_t now_us, uint64_t left);

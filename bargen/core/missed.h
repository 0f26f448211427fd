/*
 * missed.h -- the seconds whose bars lack a trade that came and was dropped.
 *
 * Every bar is made of whole seconds, so seconds are exact for bars of any
 * resolution.
 *
 * Units       time in nanoseconds since the epoch
 * Bounds      MISSED_MAX stretches; beyond that the two nearest become one, and
 *             bars between them are taken to lack a trade as well
 * Ownership   missed_close frees; all zeros is empty, and allocates nothing
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { MISSED_MAX = 64 };

struct missed_stretch {
    int64_t from_ns, to_ns; /* whole seconds; to_ns is not part of it */
};

struct missed {
    struct missed_stretch *at; /* ascending, with seconds between them */
    unsigned n;
};

void missed_add(struct missed *m, int64_t time_ns);
/* What ended by then is forgotten. */
void missed_pass(struct missed *m, int64_t until_ns);
/* Does a bar of [start, end) lack a trade? */
bool missed_in(const struct missed *m, int64_t start_ns, int64_t end_ns);
/* For decoding, ascending; false: it does not fit behind the others. */
bool missed_restore(struct missed *m, const struct missed_stretch *s);
void missed_close(struct missed *m);

/*
 * histogram.h -- times of a load tool, in microseconds, to three per cent.
 */
#pragma once

#include <stdint.h>

#include "common/base/bytes.h"

enum { HISTOGRAM_BUCKETS = 64 * 32 };

struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t total, max_us;
};

void histogram_add(struct histogram *h, uint64_t us);
/* The least value that a share of `q` is not above; 0 where there is none. */
uint64_t histogram_at(const struct histogram *h, double q);
/* {"count":,"p50":,"p99":,"p999":,"max":}, microseconds. */
void histogram_json(const struct histogram *h, struct bytes *out);

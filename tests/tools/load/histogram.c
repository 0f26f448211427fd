#include "tests/tools/load/histogram.h"

#include <inttypes.h>

/* 32 buckets for each power of two; below 64 each value has its own. */
static unsigned bucket_of(uint64_t us)
{
    unsigned shift;

    if (us < 64)
        return (unsigned)us;
    shift = 58 - (unsigned)__builtin_clzll(us);
    return shift * 32 + (unsigned)(us >> shift);
}

static uint64_t value_of(unsigned bucket)
{
    unsigned shift = bucket < 64 ? 0 : bucket / 32 - 1;

    return (uint64_t)(bucket - shift * 32) << shift;
}

void histogram_add(struct histogram *h, uint64_t us)
{
    h->counts[bucket_of(us)]++;
    h->total++;
    if (us > h->max_us)
        h->max_us = us;
}

uint64_t histogram_at(const struct histogram *h, double q)
{
    double wanted = q * (double)h->total;
    uint64_t seen = 0;

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->counts[i];
        if (seen > 0 && (double)seen >= wanted)
            return value_of(i);
    }
    return 0;
}

void histogram_json(const struct histogram *h, struct bytes *out)
{
    bytes_printf(out,
                 "{\"count\":%" PRIu64 ",\"p50\":%" PRIu64 ",\"p99\":%" PRIu64
                 ",\"p999\":%" PRIu64 ",\"max\":%" PRIu64 "}",
                 h->total, histogram_at(h, 0.5), histogram_at(h, 0.99),
                 histogram_at(h, 0.999), h->max_us);
}

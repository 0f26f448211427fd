#include "bargen/core/bar.h"

enum { VWAP_EXTRA_DIGITS = 2, SCALE_MAX = 18 };

bool bar_add_size_slow(struct bar *b, const struct bar_input *in)
{
    struct decimal_sum volume = b->volume, turnover = b->turnover;

    if (!decimal_sum_add(&volume, in->size) ||
        !decimal_sum_add_product(&turnover, in->price, in->size) ||
        !bar_sum_fits(volume.mant) || !bar_sum_fits(turnover.mant))
        return false;
    b->volume = volume;
    b->turnover = turnover;
    return true;
}

bool bar_start(struct bar *b, int64_t start_ns, int64_t end_ns, uint32_t flags,
               const struct bar_input *in)
{
    struct bar fresh = {.start_ns = start_ns,
                        .end_ns = end_ns,
                        .flags = flags,
                        .open = in->price,
                        .high = in->price,
                        .low = in->price,
                        .close = in->price,
                        .open_key = in->key,
                        .close_key = in->key,
                        .count = in->counted};

    if (in->sized && !bar_add_size(&fresh, in))
        return false;
    *b = fresh;
    return true;
}

struct bar bar_flat(int64_t start_ns, int64_t end_ns, struct decimal price)
{
    return (struct bar){.start_ns = start_ns,
                        .end_ns = end_ns,
                        .flags = BAR_FILL,
                        .open = price,
                        .high = price,
                        .low = price,
                        .close = price};
}

bool bar_vwap(const struct bar *b, struct decimal *out)
{
    int scale = b->close.scale + VWAP_EXTRA_DIGITS;

    if (b->volume.mant == 0)
        return false;
    return decimal_sum_div(b->turnover, b->volume,
                           (uint8_t)(scale > SCALE_MAX ? SCALE_MAX : scale),
                           out);
}

#include "bargen/core/bar.h"

enum {
    VWAP_EXTRA_DIGITS = 2,
    /* Of the highest word: a volume is below 2^64 * 10^36 < 2^184, a turnover
     * below 2^64 * 10^72 < 2^304. */
    VOLUME_TOP_BITS = 56,
    TURNOVER_TOP_BITS = 48,
};

struct decimal_sum bar_volume(const struct bar *b)
{
    uint8_t scale = (uint8_t)b->scales;
    struct decimal_sum s = decimal_sum_of(b->volume, scale);

    if (b->scales & BAR_WIDE) {
        s.word[2] = b->volume_high;
        s.word[3] = s.word[4] = b->volume_high >> 63 ? UINT64_MAX : 0;
    }
    return s;
}

struct decimal_sum bar_turnover(const struct bar *b)
{
    struct decimal_sum s =
        decimal_sum_of(b->turnover, (uint8_t)(b->scales >> 8));

    if (b->scales & BAR_WIDE)
        memcpy(&s.word[2], b->turnover_high, sizeof b->turnover_high);
    return s;
}

static bool within(uint64_t top, unsigned bits)
{
    int64_t high = (int64_t)top;

    return high < INT64_C(1) << bits && high >= -(INT64_C(1) << bits);
}

static bool fits_narrow(const struct decimal_sum *s)
{
    return decimal_sum_is_narrow(s) && bar_sum_fits(decimal_sum_low(s));
}

bool bar_set_sums(struct bar *b, const struct decimal_sum *volume,
                  const struct decimal_sum *turnover)
{
    uint64_t sign = volume->word[2] >> 63 ? UINT64_MAX : 0;

    if (volume->word[3] != sign || volume->word[4] != sign ||
        !within(volume->word[2], VOLUME_TOP_BITS) ||
        !within(turnover->word[4], TURNOVER_TOP_BITS))
        return false;
    b->volume = decimal_sum_low(volume);
    b->turnover = decimal_sum_low(turnover);
    b->scales = BAR_SCALES(volume->scale, turnover->scale);
    if (fits_narrow(volume) && fits_narrow(turnover))
        return true;
    b->scales |= BAR_WIDE;
    b->volume_high = volume->word[2];
    memcpy(b->turnover_high, &turnover->word[2], sizeof b->turnover_high);
    return true;
}

static bool add_narrow(struct bar *b, const struct bar_input *in)
{
    uint8_t volume_scale = (uint8_t)b->scales;
    uint8_t turnover_scale = (uint8_t)(b->scales >> 8);
    int128 volume = b->volume, turnover = b->turnover;

    if (b->scales & BAR_WIDE ||
        !decimal_sum_add_narrow(&volume, &volume_scale, in->size.mant,
                                in->size.scale) ||
        !decimal_sum_add_narrow(&turnover, &turnover_scale, in->product,
                                (uint8_t)(in->scales >> 8)) ||
        !bar_sum_fits(volume) || !bar_sum_fits(turnover))
        return false;
    b->volume = volume;
    b->turnover = turnover;
    b->scales = BAR_SCALES(volume_scale, turnover_scale);
    return true;
}

void bar_add_size_slow(struct bar *b, const struct bar_input *in)
{
    struct decimal_sum volume, turnover;

    if (add_narrow(b, in))
        return;
    volume = bar_volume(b);
    turnover = bar_turnover(b);
    decimal_sum_add(&volume, in->size);
    decimal_sum_add_product(&turnover, in->price, in->size);
    bar_set_sums(b, &volume, &turnover);
}

static void merge_sums(struct bar *b, const struct bar *more)
{
    int128 volume = b->volume + more->volume;
    int128 turnover = b->turnover + more->turnover;
    struct decimal_sum s, t, u;

    if (b->scales == more->scales && !(b->scales & BAR_WIDE) &&
        bar_sum_fits(volume) && bar_sum_fits(turnover)) {
        b->volume = volume;
        b->turnover = turnover;
        return;
    }
    s = bar_volume(b);
    t = bar_turnover(b);
    u = bar_volume(more);
    decimal_sum_add_sum(&s, &u);
    u = bar_turnover(more);
    decimal_sum_add_sum(&t, &u);
    bar_set_sums(b, &s, &t);
}

void bar_merge(struct bar *b, const struct bar *more)
{
    merge_sums(b, more);
    if (!bar_key_before(more->close_key, b->close_key)) {
        b->close = more->close;
        b->close_key = more->close_key;
    }
    if (bar_key_before(more->open_key, b->open_key)) {
        b->open = more->open;
        b->open_key = more->open_key;
    }
    if (bar_above(more->high, b->high))
        b->high = more->high;
    if (bar_above(b->low, more->low))
        b->low = more->low;
    b->count += more->count;
}

void bar_start(struct bar *b, int64_t start_ns, int64_t end_ns, uint32_t flags,
               const struct bar_input *in)
{
    *b = (struct bar){.start_ns = start_ns,
                      .end_ns = end_ns,
                      .flags = flags,
                      .open = in->price,
                      .high = in->price,
                      .low = in->price,
                      .close = in->price,
                      .open_key = in->key,
                      .close_key = in->key,
                      .count = in->counted};
    if (in->sized)
        bar_add_size(b, in);
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

bool bar_vwap(const struct bar *b, struct decimal_sum *out)
{
    struct decimal_sum volume = bar_volume(b), turnover = bar_turnover(b);

    return decimal_sum_div(&turnover, &volume,
                           (uint8_t)(b->close.scale + VWAP_EXTRA_DIGITS), out);
}

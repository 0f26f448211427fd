#include "bargen/store/record.h"

int64_t record_get(struct record_reader *r)
{
    uint64_t n = 0;
    bool negative, digits = false;

    if (r->at == r->end || *r->at != ' ')
        r->bad = true;
    else
        r->at++;
    negative = r->at < r->end && *r->at == '-';
    r->at += negative;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9') {
        if (n > (UINT64_C(1) << 63) / 10)
            r->bad = true;
        n = n * 10 + (uint64_t)(*r->at++ - '0');
        digits = true;
    }
    if (!digits || n > INT64_MAX + (uint64_t)negative)
        r->bad = true;
    return r->bad ? 0 : (int64_t)(negative ? -n : n);
}

int64_t record_get_within(struct record_reader *r, int64_t min, int64_t max)
{
    int64_t v = record_get(r);

    if (v >= min && v <= max)
        return v;
    r->bad = true;
    return min;
}

/* A time that arithmetic cannot overflow with, or "none". */
int64_t record_get_time(struct record_reader *r)
{
    int64_t ns = record_get(r);

    if (ns != INT64_MIN && ns != INT64_MAX &&
        (ns < -RECORD_TIME_MAX_NS || ns > RECORD_TIME_MAX_NS))
        r->bad = true;
    return r->bad ? 0 : ns;
}

bool record_at_end(const struct record_reader *r)
{
    return r->at == r->end || *r->at == '\n';
}

void record_end(struct record_reader *r)
{
    if (r->at < r->end && *r->at == '\n')
        r->at++;
    else
        r->bad = true;
}

struct decimal record_get_decimal(struct record_reader *r)
{
    struct decimal d;

    d.mant = record_get(r);
    d.scale = (uint8_t)record_get_within(r, 0, UINT8_MAX);
    if (decimal_valid(d))
        return d;
    r->bad = true;
    return (struct decimal){0, 0};
}

#include "bargen/core/trade_ids.h"

#include <stdlib.h>

#include "common/base/bytes.h"

static const struct trade_ids_span nothing = {0, -1};

void trade_ids_init(struct trade_ids *ids)
{
    *ids = (struct trade_ids){
        .newest_ns = INT64_MIN, .aged_ns = INT64_MIN, .unaged_ns = INT64_MAX};
}

void trade_ids_close(struct trade_ids *ids)
{
    free(ids->at);
    text_ids_close(&ids->texts);
    trade_ids_init(ids);
}

static void forget_older_half(struct trade_ids *ids)
{
    unsigned drop = ids->n / 2;

    for (unsigned i = 0; i < drop; i++)
        ids->held -= (uint64_t)(ids->at[i].hi - ids->at[i].lo) + 1;
    ids->n -= drop;
    memmove(ids->at, ids->at + drop, ids->n * sizeof *ids->at);
}

/* Makes room; *at moves where older ranges had to go. */
static void insert(struct trade_ids *ids, unsigned at, int64_t id,
                   int64_t time_ns)
{
    if (ids->n == TRADE_IDS_RANGES_MAX) {
        unsigned before = ids->n;

        forget_older_half(ids);
        at = at > before - ids->n ? at - (before - ids->n) : 0;
    }
    if (ids->n == ids->cap) {
        ids->cap = ids->cap ? ids->cap * 2 : 4;
        ids->at = mem_grow(ids->at, ids->cap * sizeof *ids->at);
    }
    memmove(ids->at + at + 1, ids->at + at, (ids->n - at) * sizeof *ids->at);
    ids->at[at] = (struct id_range){id, id, time_ns, time_ns};
    ids->n++;
}

/* The first range whose hi is not below id. */
static unsigned find(const struct trade_ids *ids, int64_t id)
{
    unsigned lo = 0, hi = ids->n;

    while (lo < hi) {
        unsigned mid = lo + (hi - lo) / 2;

        if (ids->at[mid].hi < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void start_anew(struct trade_ids *ids, int64_t id, int64_t time_ns)
{
    ids->n = 0;
    ids->held = 1;
    ids->unaged_ns = INT64_MAX;
    insert(ids, 0, id, time_ns);
}

static void append(struct trade_ids *ids, int64_t id, int64_t time_ns)
{
    struct id_range *last = ids->n > 0 ? &ids->at[ids->n - 1] : NULL;

    if (last && last->hi + 1 == id) {
        last->hi = id;
        last->hi_ns = time_ns;
        return;
    }
    if (last && time_ns < ids->unaged_ns)
        ids->unaged_ns = time_ns;
    insert(ids, ids->n, id, time_ns);
}

/* id lies in the hole below range i, or before all ranges (i == 0). */
static void fill(struct trade_ids *ids, unsigned i, int64_t id, int64_t time_ns)
{
    struct id_range *r = &ids->at[i];
    struct id_range *before = i > 0 ? r - 1 : NULL;

    if (before && before->hi + 1 == id && id + 1 == r->lo) {
        before->hi = r->hi;
        before->hi_ns = r->hi_ns;
        ids->n--;
        memmove(r, r + 1, (ids->n - i) * sizeof *r);
    } else if (before && before->hi + 1 == id) {
        before->hi = id;
        before->hi_ns = time_ns;
    } else if (id + 1 == r->lo) {
        r->lo = id;
        r->lo_ns = time_ns;
        if (time_ns > ids->aged_ns && time_ns < ids->unaged_ns)
            ids->unaged_ns = time_ns;
    } else {
        insert(ids, i, id, time_ns);
        if (time_ns > ids->aged_ns && time_ns < ids->unaged_ns)
            ids->unaged_ns = time_ns;
    }
}

bool trade_ids_add(struct trade_ids *ids, int64_t id, int64_t time_ns,
                   struct trade_ids_span *touched)
{
    unsigned i;

    *touched = nothing;
    if (ids->n == 0 || id > ids->at[ids->n - 1].hi) {
        append(ids, id, time_ns);
        ids->held++;
    } else {
        i = find(ids, id);
        if (id >= ids->at[i].lo) {
            if (time_ns <= ids->newest_ns)
                return false;
            start_anew(ids, id, time_ns);
        } else {
            if (i > 0)
                *touched = (struct trade_ids_span){ids->at[i - 1].hi_ns,
                                                   ids->at[i].lo_ns};
            fill(ids, i, id, time_ns);
            ids->held++;
        }
    }
    if (time_ns > ids->newest_ns)
        ids->newest_ns = time_ns;
    return true;
}

bool trade_ids_take(struct trade_ids *ids, int64_t number, struct span text,
                    int64_t time_ns, struct trade_ids_span *touched)
{
    if (number >= 0)
        return trade_ids_add(ids, number, time_ns, touched);
    *touched = nothing;
    return text_ids_add(&ids->texts, text_ids_fingerprint(text));
}

static bool contiguous(const struct trade_ids *ids)
{
    return ids->held >= TRADE_IDS_TRUST_MIN &&
           (uint64_t)(ids->n - 1) * TRADE_IDS_TRUST_RATIO <= ids->held;
}

struct trade_ids_span trade_ids_age(struct trade_ids *ids, int64_t until_ns)
{
    struct trade_ids_span span = nothing;
    int64_t unaged_ns = INT64_MAX;

    /* Younger holes are near the end: ids grow with time. */
    for (unsigned i = ids->n; i > 1; i--) {
        int64_t ends_ns = ids->at[i - 1].lo_ns;
        int64_t begins_ns = ids->at[i - 2].hi_ns;

        if (ends_ns <= ids->aged_ns)
            break;
        if (ends_ns > until_ns) {
            unaged_ns = ends_ns < unaged_ns ? ends_ns : unaged_ns;
        } else if (trade_ids_span_empty(span)) {
            span = (struct trade_ids_span){begins_ns, ends_ns};
        } else {
            span.from_ns = begins_ns < span.from_ns ? begins_ns : span.from_ns;
            span.to_ns = ends_ns > span.to_ns ? ends_ns : span.to_ns;
        }
    }
    ids->aged_ns = until_ns > ids->aged_ns ? until_ns : ids->aged_ns;
    ids->unaged_ns = unaged_ns;
    return ids->n > 0 && contiguous(ids) ? span : nothing;
}

bool trade_ids_lost_in(const struct trade_ids *ids, int64_t start_ns,
                       int64_t end_ns)
{
    if (ids->n < 2 || !contiguous(ids))
        return false;
    for (unsigned i = ids->n - 1; i > 0; i--) {
        const struct id_range *after = &ids->at[i];

        if (after->hi_ns < start_ns)
            return false;
        if (after->lo_ns <= ids->aged_ns && after->lo_ns >= start_ns &&
            after[-1].hi_ns < end_ns)
            return true;
    }
    return false;
}

bool trade_ids_restore(struct trade_ids *ids, const struct id_range *range)
{
    if (range->lo < 0 || range->hi < range->lo ||
        ids->n == TRADE_IDS_RANGES_MAX ||
        (ids->n > 0 && range->lo <= ids->at[ids->n - 1].hi))
        return false;
    insert(ids, ids->n, range->lo, range->lo_ns);
    ids->at[ids->n - 1] = *range;
    ids->held += (uint64_t)(range->hi - range->lo) + 1;
    return true;
}

#include "bargen/store/seen.h"

static void put_ids(struct bytes *out, const struct symbol *sym)
{
    const struct trade_ids *ids = &sym->ids;
    unsigned n = ids->n < SEEN_RANGES_MAX ? ids->n : SEEN_RANGES_MAX;
    unsigned texts = sym->ids.texts.n < SEEN_TEXT_IDS_MAX ? sym->ids.texts.n
                                                          : SEEN_TEXT_IDS_MAX;

    if (ids->n > 0) {
        bytes_add(out, "i", 1);
        record_put(out, ids->newest_ns);
        record_put(out, ids->aged_ns);
        record_put(out, ids->unaged_ns);
        for (unsigned i = ids->n - n; i < ids->n; i++) {
            record_put(out, ids->at[i].lo);
            record_put(out, ids->at[i].hi - ids->at[i].lo);
            record_put(out, ids->at[i].lo_ns);
            record_put(out, ids->at[i].hi_ns - ids->at[i].lo_ns);
        }
        bytes_add(out, "\n", 1);
    }
    if (texts > 0) {
        bytes_add(out, "t", 1);
        for (unsigned i = texts; i > 0; i--)
            record_put(out, (int64_t)text_ids_newest(&sym->ids.texts, i - 1));
        bytes_add(out, "\n", 1);
    }
}

static void put_lost(struct bytes *out, const struct symbol *sym)
{
    if (sym->lost_until_ns == 0 && !sym->losing)
        return;
    bytes_add(out, "l", 1);
    record_put(out, sym->lost_from_ns);
    record_put(out, sym->lost_until_ns);
    record_put(out, sym->losing);
    bytes_add(out, "\n", 1);
}

static void put_range(struct bytes *out, const struct seq_range *r)
{
    record_put(out, (int64_t)r->lo);
    record_put(out, (int64_t)r->hi);
    record_put(out, r->lo_ns);
    record_put(out, r->hi_ns);
}

static void put_publisher(struct bytes *out, const struct publisher *pub)
{
    bytes_add(out, "q", 1);
    record_put(out, (int64_t)pub->src);
    for (unsigned i = 0; i < pub->n_older; i++)
        put_range(out, &pub->older[i]);
    put_range(out, &pub->newest);
    bytes_add(out, "\n", 1);
}

static void put_publishers(struct bytes *out, const struct publishers *s)
{
    if (s->last.src != 0)
        put_publisher(out, &s->last);
    for (unsigned i = 0; i < s->n_others; i++)
        put_publisher(out, &s->others[i]);
    if (s->lost_to_ns == 0)
        return;
    bytes_add(out, "j", 1);
    record_put(out, s->lost_from_ns);
    record_put(out, s->lost_to_ns);
    bytes_add(out, "\n", 1);
}

void seen_put(const struct symbol *sym, struct bytes *out)
{
    put_ids(out, sym);
    put_publishers(out, &sym->publishers);
    put_lost(out, sym);
}

static void get_ids(struct record_reader *r, struct trade_ids *ids)
{
    ids->newest_ns = record_get_time(r);
    ids->aged_ns = record_get_time(r);
    ids->unaged_ns = record_get_time(r);
    while (!r->bad && !record_at_end(r)) {
        struct id_range range;
        int64_t span, span_ns;

        range.lo = record_get(r);
        span = record_get(r);
        range.lo_ns = record_get_time(r);
        span_ns = record_get(r);
        if (__builtin_add_overflow(range.lo, span, &range.hi) ||
            __builtin_add_overflow(range.lo_ns, span_ns, &range.hi_ns) ||
            !trade_ids_restore(ids, &range))
            r->bad = true;
    }
}

static void get_publisher(struct record_reader *r, struct publishers *s)
{
    struct publisher *pub = publishers_restore(s, (uint64_t)record_get(r));

    if (!pub || record_at_end(r))
        r->bad = true;
    while (!r->bad && !record_at_end(r)) {
        struct seq_range range;

        range.lo = (uint64_t)record_get(r);
        range.hi = (uint64_t)record_get(r);
        range.lo_ns = record_get_time(r);
        range.hi_ns = record_get_time(r);
        if (!r->bad && !publisher_restore_range(pub, &range))
            r->bad = true;
    }
}

bool seen_get(char letter, struct record_reader *r, struct symbol *sym)
{
    switch (letter) {
    case 'i':
        get_ids(r, &sym->ids);
        return true;
    case 't':
        while (!r->bad && !record_at_end(r))
            text_ids_add(&sym->ids.texts, (uint64_t)record_get(r));
        return true;
    case 'q':
        get_publisher(r, &sym->publishers);
        return true;
    case 'l':
        sym->lost_from_ns = record_get_time(r);
        sym->lost_until_ns = record_get_time(r);
        sym->losing = record_get_within(r, 0, 1) != 0;
        return true;
    case 'j':
        sym->publishers.lost_from_ns = record_get_time(r);
        sym->publishers.lost_to_ns = record_get_time(r);
        return true;
    default:
        return false;
    }
}

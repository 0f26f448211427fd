#include "bargen/store/state.h"

#include <stdint.h>
#include <string.h>

/* The engine takes no event after nine thousand million seconds; its month may
 * end later. */
#define TIME_SPAN_NS (INT64_C(9000000000) * NS_PER_SECOND + 32 * NS_PER_DAY)

/* Writing: " 12 -3 4" after a letter, ended by a line feed. */

static void put(struct bytes *out, int64_t v)
{
    bytes_add(out, " ", 1);
    bytes_add_int(out, v);
}

static void put_decimal(struct bytes *out, struct decimal d)
{
    put(out, d.mant);
    put(out, d.scale);
}

/* 128 bits as two signed halves. */
static void put_sum(struct bytes *out, struct decimal_sum s)
{
    put(out, (int64_t)(s.mant >> 64));
    put(out, (int64_t)(uint64_t)s.mant);
    put(out, s.scale);
}

static void put_bar(struct bytes *out, const char *letter, const struct bar *b)
{
    bytes_add_str(out, letter);
    put(out, b->start_ns);
    put(out, b->end_ns);
    put_decimal(out, b->open);
    put_decimal(out, b->high);
    put_decimal(out, b->low);
    put_decimal(out, b->close);
    put(out, b->open_key.time_ns);
    put(out, b->open_key.id);
    put(out, b->close_key.time_ns);
    put(out, b->close_key.id);
    put(out, (int64_t)b->count);
    put(out, b->rev);
    put(out, b->flags & ~(uint32_t)BAR_UNSAVED);
    put_sum(out, b->volume);
    put_sum(out, b->turnover);
    bytes_add(out, "\n", 1);
}

static void put_ids(struct bytes *out, const struct symbol *sym)
{
    const struct ids *ids = &sym->ids;
    unsigned n = ids->n < STATE_RANGES_MAX ? ids->n : STATE_RANGES_MAX;
    unsigned texts =
        sym->ring.n < STATE_TEXT_IDS_MAX ? sym->ring.n : STATE_TEXT_IDS_MAX;

    if (ids->n > 0) {
        bytes_add(out, "i", 1);
        put(out, ids->newest_ns);
        put(out, ids->aged_ns);
        put(out, ids->unaged_ns);
        for (unsigned i = ids->n - n; i < ids->n; i++) {
            put(out, ids->at[i].lo);
            put(out, ids->at[i].hi - ids->at[i].lo);
            put(out, ids->at[i].lo_ns);
            put(out, ids->at[i].hi_ns - ids->at[i].lo_ns);
        }
        bytes_add(out, "\n", 1);
    }
    if (texts > 0) {
        bytes_add(out, "t", 1);
        for (unsigned i = texts; i > 0; i--)
            put(out, (int64_t)idring_newest(&sym->ring, i - 1));
        bytes_add(out, "\n", 1);
    }
}

static void put_lost(struct bytes *out, const struct symbol *sym)
{
    if (sym->lost_until_ns == 0 && !sym->losing)
        return;
    bytes_add(out, "l", 1);
    put(out, sym->lost_from_ns);
    put(out, sym->lost_until_ns);
    put(out, sym->losing);
    bytes_add(out, "\n", 1);
}

void state_encode_bar(const struct bar *bar, struct bytes *out)
{
    put_bar(out, "b", bar);
}

static void put_range(struct bytes *out, const struct seq_range *r)
{
    put(out, (int64_t)r->lo);
    put(out, (int64_t)r->hi);
    put(out, r->lo_ns);
    put(out, r->hi_ns);
}

static void put_publisher(struct bytes *out, const struct publisher *pub)
{
    bytes_add(out, "q", 1);
    put(out, (int64_t)pub->src);
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
    put(out, s->lost_from_ns);
    put(out, s->lost_to_ns);
    bytes_add(out, "\n", 1);
}

void state_encode(const struct symbol *sym, const struct bar_rules *rules,
                  enum state_bars which, struct bytes *out)
{
    bytes_add_int(out, STATE_VERSION);
    put(out, sym->basis);
    put(out, sym->live);
    put(out, sym->newest_ns);
    put(out, sym->closed_ns);
    bytes_add(out, "\n", 1);
    put_ids(out, sym);
    put_publishers(out, &sym->publishers);
    put_lost(out, sym);
    for (unsigned i = 0; i < sym->n_series; i++) {
        const struct series *s = &sym->series[i];

        bytes_add_str(out, "s ");
        bytes_add_str(out, rules->resolutions[i].name);
        put(out, s->filled_ns);
        put(out, s->fill_until_ns);
        put_decimal(out, s->fill_price);
        put(out, s->forgotten_ns);
        bytes_add(out, "\n", 1);
        for (unsigned k = 0; k < s->n_kept; k++)
            if (which == STATE_ALL_BARS || !(s->kept[k].flags & BAR_CLOSED))
                put_bar(out, "b", &s->kept[k]);
        if (s->cur.end_ns != 0)
            put_bar(out, "c", &s->cur);
    }
}

/* Reading: the first thing that is not as written makes the rest zeros. */

struct reader {
    const char *at, *end;
    bool bad;
};

static int64_t get(struct reader *r)
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

static int64_t get_within(struct reader *r, int64_t min, int64_t max)
{
    int64_t v = get(r);

    if (v >= min && v <= max)
        return v;
    r->bad = true;
    return min;
}

/* A time that arithmetic cannot overflow with, or "none". */
static int64_t get_time(struct reader *r)
{
    int64_t ns = get(r);

    if (ns != INT64_MIN && ns != INT64_MAX &&
        (ns < -TIME_SPAN_NS || ns > TIME_SPAN_NS))
        r->bad = true;
    return r->bad ? 0 : ns;
}

static bool at_line_end(const struct reader *r)
{
    return r->at == r->end || *r->at == '\n';
}

static void end_line(struct reader *r)
{
    if (r->at < r->end && *r->at == '\n')
        r->at++;
    else
        r->bad = true;
}

static struct decimal get_decimal(struct reader *r)
{
    struct decimal d;

    d.mant = get_within(r, -INT64_C(999999999999999999),
                        INT64_C(999999999999999999));
    d.scale = (uint8_t)get_within(r, 0, 18);
    return d;
}

static struct decimal_sum get_sum(struct reader *r)
{
    struct decimal_sum s;
    int64_t high = get(r);
    uint64_t low = (uint64_t)get(r);

    s.mant = (int128)high * ((int128)1 << 64) + (int128)low;
    if (!bar_sum_fits(s.mant)) {
        r->bad = true;
        s.mant = 0;
    }
    s.scale = (uint8_t)get_within(r, 0, 36);
    return s;
}

static struct bar get_bar(struct reader *r)
{
    struct bar b = {0};

    b.start_ns = get_within(r, -TIME_SPAN_NS, TIME_SPAN_NS);
    b.end_ns = get_within(r, b.start_ns + 1, TIME_SPAN_NS);
    b.open = get_decimal(r);
    b.high = get_decimal(r);
    b.low = get_decimal(r);
    b.close = get_decimal(r);
    b.open_key.time_ns = get_time(r);
    b.open_key.id = get(r);
    b.close_key.time_ns = get_time(r);
    b.close_key.id = get(r);
    b.count = (uint64_t)get_within(r, 0, INT64_MAX);
    b.rev = (uint32_t)get_within(r, 0, UINT32_MAX);
    b.flags = (uint32_t)get_within(r, 0, UINT32_MAX);
    b.volume = get_sum(r);
    b.turnover = get_sum(r);
    return b;
}

static void get_ids(struct reader *r, struct ids *ids)
{
    ids->newest_ns = get_time(r);
    ids->aged_ns = get_time(r);
    ids->unaged_ns = get_time(r);
    while (!r->bad && !at_line_end(r)) {
        struct id_range range;
        int64_t span, span_ns;

        range.lo = get(r);
        span = get(r);
        range.lo_ns = get_time(r);
        span_ns = get(r);
        if (__builtin_add_overflow(range.lo, span, &range.hi) ||
            __builtin_add_overflow(range.lo_ns, span_ns, &range.hi_ns) ||
            !ids_restore(ids, &range))
            r->bad = true;
    }
}

static void get_publisher(struct reader *r, struct publishers *s)
{
    struct publisher *pub = publishers_restore(s, (uint64_t)get(r));

    if (!pub || at_line_end(r))
        r->bad = true;
    while (!r->bad && !at_line_end(r)) {
        struct seq_range range;

        range.lo = (uint64_t)get(r);
        range.hi = (uint64_t)get(r);
        range.lo_ns = get_time(r);
        range.hi_ns = get_time(r);
        if (!r->bad && !publisher_restore_range(pub, &range))
            r->bad = true;
    }
}

/* NULL: no longer asked for. */
static struct series *series_of(struct symbol *sym,
                                const struct bar_rules *rules, struct span name)
{
    for (unsigned i = 0; i < sym->n_series; i++)
        if (span_is(name, rules->resolutions[i].name))
            return &sym->series[i];
    return NULL;
}

static struct series *get_series(struct reader *r, struct symbol *sym,
                                 const struct bar_rules *rules,
                                 struct series *unused)
{
    struct series *s;
    const char *name;

    if (r->at == r->end || *r->at++ != ' ')
        r->bad = true;
    for (name = r->at; r->at < r->end && *r->at != ' ' && *r->at != '\n';)
        r->at++;
    s = series_of(sym, rules, span_make(name, (size_t)(r->at - name)));
    if (!s)
        s = unused;
    s->filled_ns = get_time(r);
    s->fill_until_ns = get_time(r);
    s->fill_price = get_decimal(r);
    /* Not in states of before it was written. */
    s->forgotten_ns = at_line_end(r) ? 0 : get_time(r);
    return s;
}

static void get_header(struct reader *r, struct symbol *sym)
{
    sym->basis = (uint8_t)get_within(r, SYMBOL_UNKNOWN, SYMBOL_TRADES);
    sym->live = get_within(r, 0, 1) != 0;
    sym->newest_ns = get_time(r);
    sym->closed_ns = get_time(r);
    end_line(r);
}

static void get_record(struct reader *r, struct symbol *sym,
                       const struct bar_rules *rules, struct series *unused,
                       struct series **series)
{
    char letter = *r->at++;
    struct bar bar;

    switch (letter) {
    case 'i':
        get_ids(r, &sym->ids);
        break;
    case 't':
        while (!r->bad && !at_line_end(r))
            idring_add(&sym->ring, (uint64_t)get(r));
        break;
    case 'q':
        get_publisher(r, &sym->publishers);
        break;
    case 'l':
        sym->lost_from_ns = get_time(r);
        sym->lost_until_ns = get_time(r);
        sym->losing = get_within(r, 0, 1) != 0;
        break;
    case 'j':
        sym->publishers.lost_from_ns = get_time(r);
        sym->publishers.lost_to_ns = get_time(r);
        break;
    case 's':
        *series = get_series(r, sym, rules, unused);
        break;
    case 'b':
    case 'c':
        bar = get_bar(r);
        if (!*series)
            r->bad = true;
        else if (letter == 'c')
            (*series)->cur = bar;
        else
            series_keep(*series, &bar, false);
        break;
    default:
        r->bad = true;
    }
    end_line(r);
}

/* The engine holds sym by its address: what was read moves into it, and what
 * it had goes with the other. */
static void take_over(struct symbol *sym, struct symbol *fresh)
{
    struct ids ids = sym->ids;
    struct idring ring = sym->ring;
    struct publishers publishers = sym->publishers;

    sym->basis = fresh->basis;
    sym->live = fresh->live;
    sym->losing = fresh->losing;
    sym->lost_from_ns = fresh->lost_from_ns;
    sym->lost_until_ns = fresh->lost_until_ns;
    sym->newest_ns = fresh->newest_ns;
    sym->closed_ns = fresh->closed_ns;
    sym->ids = fresh->ids;
    sym->ring = fresh->ring;
    fresh->ids = ids;
    fresh->ring = ring;
    sym->publishers = fresh->publishers;
    fresh->publishers = publishers;
    for (unsigned i = 0; i < sym->n_series; i++) {
        struct series old = sym->series[i];

        sym->series[i] = fresh->series[i];
        fresh->series[i] = old;
    }
}

bool state_decode(struct symbol *sym, const struct bar_rules *rules,
                  struct span text, struct err *err)
{
    struct symbol *fresh = symbol_new(sym->name, sym->n_series);
    struct reader r = {text.ptr, text.ptr + text.len, false};
    struct series unused = {0}, *series = NULL;

    if (!span_starts(text, "1 "))
        r.bad = true;
    else
        r.at++;
    get_header(&r, fresh);
    while (!r.bad && r.at < r.end)
        get_record(&r, fresh, rules, &unused, &series);
    series_free(&unused);
    if (r.bad) {
        symbol_free(fresh);
        return err_set(err, ERR_INPUT,
                       "stored state of %.*s is not of version %d (byte %zu)",
                       SPAN_ARG(sym->name), STATE_VERSION,
                       (size_t)(r.at - text.ptr));
    }
    take_over(sym, fresh);
    symbol_free(fresh);
    return true;
}

bool state_decode_bar(struct symbol *sym, const struct bar_rules *rules,
                      struct span resolution, struct span text, struct err *err)
{
    struct series *s = series_of(sym, rules, resolution);
    struct reader r = {text.ptr, text.ptr + text.len, false};
    struct bar bar;

    if (r.at == r.end || *r.at++ != 'b')
        r.bad = true;
    bar = get_bar(&r);
    end_line(&r);
    if (r.bad || r.at != r.end || !(bar.flags & BAR_CLOSED))
        return err_set(err, ERR_INPUT, "stored bar of %.*s is not one",
                       SPAN_ARG(sym->name));
    if (s)
        series_keep(s, &bar, false)->flags &= ~(uint32_t)BAR_UNSAVED;
    return true;
}

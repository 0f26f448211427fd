#include "bargen/store/state.h"

#include <inttypes.h>
#include <stdio.h>

#include "bargen/store/record.h"
#include "bargen/store/seen.h"

enum { SUM_WIDE = 64 }; /* in a scale */

/* Words of 64 bits as signed numbers, the second, the first, and the others
 * only where they are not as the sign says: the scale tells. */
static void put_sum(struct bytes *out, struct decimal_sum s)
{
    bool wide = !decimal_sum_is_narrow(&s);

    record_put(out, (int64_t)s.word[1]);
    record_put(out, (int64_t)s.word[0]);
    record_put(out, s.scale | (wide ? SUM_WIDE : 0));
    for (unsigned i = 2; wide && i < DECIMAL_SUM_WORDS; i++)
        record_put(out, (int64_t)s.word[i]);
}

static void put_bar(struct bytes *out, const char *letter, const struct bar *b)
{
    bytes_add_str(out, letter);
    record_put(out, b->start_ns);
    record_put(out, b->end_ns);
    record_put_decimal(out, b->open);
    record_put_decimal(out, b->high);
    record_put_decimal(out, b->low);
    record_put_decimal(out, b->close);
    record_put(out, b->open_key.time_ns);
    record_put(out, b->open_key.id);
    record_put(out, b->close_key.time_ns);
    record_put(out, b->close_key.id);
    record_put(out, (int64_t)b->count);
    record_put(out, b->rev);
    record_put(out, b->flags & ~(uint32_t)(BAR_UNSAVED | BAR_STORED));
    put_sum(out, bar_volume(b));
    put_sum(out, bar_turnover(b));
    bytes_add(out, "\n", 1);
}

void state_encode_bar(const struct bar *bar, struct bytes *out)
{
    put_bar(out, "b", bar);
}

void state_encode_ids(const struct symbol *sym, uint64_t chunk,
                      struct bytes *out)
{
    seen_put_chunk(&sym->ids.more->blocks, chunk, out);
}

void state_encode(struct symbol *sym, const struct bar_rules *rules,
                  enum state_bars which, struct bytes *out)
{
    symbol_settle(sym);
    bytes_add_int(out, STATE_VERSION);
    record_put(out, sym->basis);
    record_put(out, sym->live);
    record_put(out, sym->newest_ns);
    record_put(out, sym->closed_ns);
    record_put(out, sym->quoted.from_ns);
    record_put(out, sym->quoted.until_ns);
    record_put(out, sym->quoted.rev);
    bytes_add(out, "\n", 1);
    seen_put(sym, which == STATE_ALL_BARS, out);
    for (unsigned i = 0; i < sym->n_series; i++) {
        const struct series *s = &sym->series[i];

        bytes_add_str(out, "s ");
        bytes_add_str(out, rules->resolutions[i].name);
        record_put(out, s->fill_until_ns);
        record_put(out, s->forgotten_ns);
        bytes_add(out, "\n", 1);
        for (unsigned k = 0; k < s->n_kept; k++)
            if (which == STATE_ALL_BARS || !(s->kept[k].flags & BAR_CLOSED))
                put_bar(out, "b", &s->kept[k]);
        if (s->cur.end_ns != 0)
            put_bar(out, "c", &s->cur);
    }
    bytes_add_str(out, "e\n"); /* the end: what was cut has none */
}

static struct decimal_sum get_sum(struct record_reader *r, int scale_max)
{
    uint64_t high = (uint64_t)record_get(r), low = (uint64_t)record_get(r);
    int64_t scale = record_get_within(r, 0, SUM_WIDE + scale_max);
    bool wide = scale >= SUM_WIDE;
    struct decimal_sum s = decimal_sum_of((int64_t)high, 0);

    scale -= wide ? SUM_WIDE : 0;
    if (scale > scale_max)
        r->bad = true;
    s.scale = (uint8_t)scale;
    s.word[0] = low;
    s.word[1] = high;
    for (unsigned i = 2; wide && i < DECIMAL_SUM_WORDS; i++)
        s.word[i] = (uint64_t)record_get(r);
    return s;
}

static struct bar get_bar(struct record_reader *r)
{
    struct decimal_sum volume, turnover;
    struct bar b = {0};

    b.start_ns = record_get_within(r, -RECORD_TIME_MAX_NS, RECORD_TIME_MAX_NS);
    b.end_ns = record_get_within(r, b.start_ns + 1, RECORD_TIME_MAX_NS);
    b.open = record_get_decimal(r);
    b.high = record_get_decimal(r);
    b.low = record_get_decimal(r);
    b.close = record_get_decimal(r);
    b.open_key.time_ns = record_get_time(r);
    b.open_key.id = record_get(r);
    b.close_key.time_ns = record_get_time(r);
    b.close_key.id = record_get(r);
    b.count = (uint64_t)record_get_within(r, 0, INT64_MAX);
    b.rev = (uint32_t)record_get_within(r, 0, UINT32_MAX);
    b.flags = (uint32_t)record_get_within(r, 0, UINT32_MAX);
    volume = get_sum(r, DECIMAL_DIGITS_MAX);
    turnover = get_sum(r, DECIMAL_SUM_SCALE_MAX);
    if (!bar_set_sums(&b, &volume, &turnover))
        r->bad = true;
    return b;
}

/* Is it a bar of that resolution, or a run of fills, of at most a day? */
static bool is_bar_of(const struct resolution *r, const struct bar *b)
{
    int64_t start_ns, first_ns, end_ns;

    resolution_bucket(r, b->start_ns, &start_ns, &first_ns);
    if (start_ns != b->start_ns || b->end_ns < first_ns)
        return false;
    if (!(b->flags & BAR_FILL) || b->end_ns - b->start_ns > NS_PER_DAY)
        return b->end_ns == first_ns;
    resolution_bucket(r, b->end_ns - 1, &start_ns, &end_ns);
    return b->end_ns == end_ns;
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

static struct series *get_series(struct record_reader *r, struct symbol *sym,
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
    s->fill_until_ns = record_get_time(r);
    s->forgotten_ns = record_get_time(r);
    return s;
}

static void get_header(struct record_reader *r, struct symbol *sym)
{
    sym->basis = (uint8_t)record_get_within(r, SYMBOL_UNKNOWN, SYMBOL_TRADES);
    sym->live = record_get_within(r, 0, 1) != 0;
    sym->newest_ns = record_get_time(r);
    sym->closed_ns = record_get_time(r);
    sym->quoted.from_ns = record_get_time(r);
    sym->quoted.until_ns = record_get_time(r);
    sym->quoted.rev = (uint32_t)record_get_within(r, 0, UINT32_MAX);
    record_end(r);
}

static void get_record(struct record_reader *r, struct symbol *sym,
                       const struct bar_rules *rules, struct series *unused,
                       struct series **series)
{
    char letter = *r->at++;
    struct bar bar;

    switch (letter) {
    case 'e':
        if (r->end - r->at != 1)
            r->bad = true;
        break;
    case 's':
        *series = get_series(r, sym, rules, unused);
        break;
    case 'b':
    case 'c':
        bar = get_bar(r);
        if (!*series ||
            (*series != unused &&
             !is_bar_of(&rules->resolutions[*series - sym->series], &bar)))
            r->bad = true;
        else if (letter == 'c')
            (*series)->cur = bar;
        else
            series_keep(*series, &bar, false);
        break;
    default:
        if (!seen_get(letter, r, sym))
            r->bad = true;
    }
    record_end(r);
}

/* The engine holds sym by its address: what was read moves into it, and what
 * it had goes with the other. */
static void take_over(struct symbol *sym, struct symbol *fresh)
{
    struct trade_ids ids = sym->ids;
    struct publishers publishers = sym->publishers;
    struct missed missed = sym->missed;

    symbol_settle(sym);
    sym->basis = fresh->basis;
    sym->live = fresh->live;
    sym->losing = fresh->losing;
    sym->lost_from_ns = fresh->lost_from_ns;
    sym->lost_until_ns = fresh->lost_until_ns;
    sym->newest_ns = fresh->newest_ns;
    sym->closed_ns = fresh->closed_ns;
    sym->quoted = fresh->quoted;
    sym->ids = fresh->ids;
    fresh->ids = ids;
    sym->publishers = fresh->publishers;
    fresh->publishers = publishers;
    sym->missed = fresh->missed;
    fresh->missed = missed;
    for (unsigned i = 0; i < sym->n_series; i++) {
        struct series old = sym->series[i];

        sym->series[i] = fresh->series[i];
        fresh->series[i] = old;
    }
}

/* After what was not as written; *r is where. */
static bool refuse(const struct record_reader *r, struct span text,
                   struct err *err)
{
    struct record_reader first = {text.ptr, text.ptr + text.len, false};
    char head[24] = " ";
    int64_t version;

    snprintf(head + 1, sizeof head - 1, "%.*s",
             (int)(text.len < 20 ? text.len : 20), text.ptr);
    first.at = head;
    first.end = head + strlen(head);
    version = record_get(&first);
    if (!first.bad && version != STATE_VERSION)
        return err_set(err, ERR_INPUT,
                       "it is of version %" PRId64 ", not of %d", version,
                       STATE_VERSION);
    return err_set(err, ERR_INPUT, "it is cut or damaged at byte %zu",
                   (size_t)(r->at - text.ptr));
}

enum symbol_basis state_basis(struct span text)
{
    struct record_reader r = {text.ptr, text.ptr + text.len, false};

    if (!span_starts(text, "2 "))
        return SYMBOL_UNKNOWN;
    r.at++;
    return (enum symbol_basis)record_get_within(&r, SYMBOL_UNKNOWN,
                                                SYMBOL_TRADES);
}

/* Fills end a day after the newest bar, or would go on for years. */
static bool fills_end(const struct symbol *sym)
{
    for (unsigned i = 0; i < sym->n_series; i++)
        if (sym->series[i].fill_until_ns >
            sym->series[i].cur.end_ns + NS_PER_DAY)
            return false;
    return true;
}

bool state_decode(struct symbol *sym, const struct bar_rules *rules,
                  struct span text, struct err *err)
{
    struct symbol *fresh = symbol_new(sym->name, sym->n_series);
    struct record_reader r = {text.ptr, text.ptr + text.len, false};
    struct series unused = {0}, *series = NULL;
    bool ended = text.len > 2 && text.ptr[text.len - 2] == 'e';

    if (!span_starts(text, "2 "))
        r.bad = true;
    else
        r.at++;
    get_header(&r, fresh);
    while (!r.bad && r.at < r.end)
        get_record(&r, fresh, rules, &unused, &series);
    series_free(&unused);
    if (r.bad || !ended || !fills_end(fresh)) {
        symbol_free(fresh);
        return refuse(&r, text, err);
    }
    take_over(sym, fresh);
    symbol_free(fresh);
    return true;
}

bool state_decode_bar(struct symbol *sym, const struct bar_rules *rules,
                      struct span resolution, struct span text, struct err *err)
{
    struct series *s = series_of(sym, rules, resolution);
    struct record_reader r = {text.ptr, text.ptr + text.len, false};
    struct bar bar;

    if (r.at == r.end || *r.at++ != 'b')
        r.bad = true;
    bar = get_bar(&r);
    record_end(&r);
    bar.flags |= BAR_STORED;
    if (!r.bad && r.at == r.end && bar.flags & BAR_CLOSED &&
        (!s || (is_bar_of(&rules->resolutions[s - sym->series], &bar) &&
                series_restore(s, &bar))))
        return true;
    return err_set(err, ERR_INPUT, "a closed bar of %.*s is cut or damaged",
                   SPAN_ARG(sym->name));
}

void state_forget_bar(struct symbol *sym, const struct bar_rules *rules,
                      struct span resolution, int64_t start_ms)
{
    struct series *s = series_of(sym, rules, resolution);
    int64_t start_ns, end_ns;

    if (!s)
        return;
    resolution_bucket(&rules->resolutions[s - sym->series],
                      start_ms * NS_PER_MS, &start_ns, &end_ns);
    series_forget(s, end_ns);
}

bool state_knows_ids(const struct symbol *sym, uint64_t chunk)
{
    const struct id_blocks *b = sym->ids.more ? &sym->ids.more->blocks : NULL;

    return b && chunk >= id_blocks_chunk_first(b) &&
           chunk < id_blocks_chunk_end(b);
}

bool state_decode_ids(struct symbol *sym, struct span text, struct err *err)
{
    struct record_reader r = {text.ptr, text.ptr + text.len, false};

    if (r.at == r.end || *r.at++ != 'k')
        r.bad = true;
    seen_get_chunk(&r, &trade_ids_more(&sym->ids)->blocks);
    record_end(&r);
    if (r.bad || r.at != r.end)
        return err_set(err, ERR_INPUT, "trade ids of %.*s are cut or damaged",
                       SPAN_ARG(sym->name));
    return true;
}

#include "bargen/core/symbol.h"

#include <stdlib.h>

#include "common/base/bytes.h"

struct symbol *symbol_new(struct span name, unsigned n_series)
{
    enum { ALIGN = _Alignof(struct symbol) };
    size_t size = sizeof(struct symbol) + n_series * sizeof(struct series);
    void *memory = mem_zero(size + ALIGN);
    uintptr_t at = (uintptr_t)memory;
    struct symbol *sym = (void *)(at + (ALIGN - at % ALIGN) % ALIGN);

    sym->memory = memory;
    sym->newest_ns = INT64_MIN;
    sym->closed_ns = INT64_MIN;
    sym->next_ns = INT64_MAX;
    sym->next_close_ns = INT64_MAX;
    sym->quoted = (struct series_quoted){INT64_MAX, INT64_MIN, 0};
    sym->n_series = (uint16_t)n_series;
    trade_ids_init(&sym->ids);
    sym->name = span_make(mem_str(name), name.len);
    return sym;
}

void symbol_free(struct symbol *sym)
{
    if (!sym)
        return;
    for (unsigned i = 0; i < sym->n_series; i++)
        series_free(&sym->series[i]);
    trade_ids_close(&sym->ids);
    publishers_close(&sym->publishers);
    free((char *)(uintptr_t)sym->name.ptr);
    free(sym->memory);
}

static uint32_t missing_in(const struct symbol *sym, int64_t start_ns,
                           int64_t end_ns)
{
    bool hole = trade_ids_lost_in(&sym->ids, start_ns, end_ns);
    bool jump = publishers_lost_in(&sym->publishers, start_ns, end_ns);

    return (hole ? (uint32_t)BAR_HOLE : 0u) | (jump ? (uint32_t)BAR_JUMP : 0u);
}

static struct series_context context(struct symbol *sym,
                                     const struct bar_rules *rules, unsigned i)
{
    int64_t closed_ns = sym->closed_ns;

    return (struct series_context){
        .resolution = &rules->resolutions[i],
        .symbol = sym,
        .sink = &rules->sink,
        .closed_ns = closed_ns,
        .keep_from_ns = closed_ns < INT64_MIN + rules->correction_ns
                            ? INT64_MIN
                            : closed_ns - rules->correction_ns,
        .flags = sym->basis == SYMBOL_QUOTES ? BAR_QUOTES : 0,
        .lost_from_ns = sym->lost_from_ns,
        .lost_until_ns = sym->lost_until_ns,
        .missing = missing_in,
        .quoted = &sym->quoted,
        .fill = rules->fill,
        .note_drops = rules->note_drops};
}

static bool jumped_in(const void *arg, int64_t start_ns, int64_t end_ns)
{
    return publishers_lost_in(arg, start_ns, end_ns);
}

void symbol_flag_jumps(struct symbol *sym, const struct bar_rules *rules,
                       struct seq_span touched)
{
    const struct series_loss loss = {touched.from_ns, touched.to_ns, jumped_in,
                                     &sym->publishers};

    for (unsigned i = 0; i < sym->n_series; i++) {
        struct series_context c = context(sym, rules, i);

        series_flag(&sym->series[i], &c, BAR_JUMP, &loss);
    }
}

void symbol_lost(struct symbol *sym, int64_t until_ns)
{
    int64_t from_ns = sym->newest_ns;

    for (unsigned i = 0; i < sym->n_series; i++)
        series_lost(&sym->series[i], from_ns);
    /* One stretch follows the other before anything came. */
    if (sym->lost_until_ns != 0 && sym->lost_until_ns > from_ns &&
        sym->lost_from_ns < from_ns)
        from_ns = sym->lost_from_ns;
    sym->lost_from_ns = from_ns;
    sym->losing = !sym->live;
    if (sym->live)
        sym->lost_until_ns = until_ns;
}

void symbol_found(struct symbol *sym, int64_t time_ns)
{
    sym->losing = false;
    sym->lost_until_ns = time_ns + 1;
}

static bool lost_in(const void *arg, int64_t start_ns, int64_t end_ns)
{
    return trade_ids_lost_in(arg, start_ns, end_ns);
}

static void flag_holes(struct symbol *sym, const struct bar_rules *rules,
                       struct trade_ids_span span)
{
    /* Shuffled trades may make a hole seem to end before it begins. */
    int64_t from_ns = span.from_ns < span.to_ns ? span.from_ns : span.to_ns;
    int64_t to_ns = span.from_ns < span.to_ns ? span.to_ns : span.from_ns;
    const struct series_loss loss = {from_ns, to_ns, lost_in, &sym->ids};

    for (unsigned i = 0; i < sym->n_series; i++) {
        struct series_context c = context(sym, rules, i);

        series_flag(&sym->series[i], &c, BAR_HOLE, &loss);
    }
}

static void find_next(struct symbol *sym)
{
    sym->next_ns = sym->next_close_ns < sym->ids.unaged_ns ? sym->next_close_ns
                                                           : sym->ids.unaged_ns;
}

static void age_holes(struct symbol *sym, const struct bar_rules *rules)
{
    struct trade_ids_span span = trade_ids_age(&sym->ids, sym->closed_ns);

    find_next(sym);
    if (trade_ids_span_empty(span))
        return;
    rules->counts->holes++;
    flag_holes(sym, rules, span);
}

bool symbol_new_trade(struct symbol *sym, const struct bar_rules *rules,
                      int64_t number, struct span text, int64_t time_ns)
{
    struct trade_ids_span touched;

    if (!trade_ids_take(&sym->ids, number, text, time_ns, &touched))
        return false;
    find_next(sym);
    /* Only an aged hole has flagged a bar. */
    if (!trade_ids_span_empty(touched) && touched.to_ns <= sym->ids.aged_ns)
        flag_holes(sym, rules, touched);
    return true;
}

static void find_next_close(struct symbol *sym, const struct bar_rules *rules)
{
    int64_t next_ns = INT64_MAX;

    for (unsigned i = 0; i < sym->n_series; i++) {
        struct series_context c = context(sym, rules, i);
        int64_t ns = series_next_close(&sym->series[i], &c);

        next_ns = ns < next_ns ? ns : next_ns;
    }
    sym->next_close_ns = next_ns;
    find_next(sym);
}

static void close_due(struct symbol *sym, const struct bar_rules *rules)
{
    for (unsigned i = 0; i < sym->n_series; i++) {
        struct series_context c = context(sym, rules, i);

        series_close(&sym->series[i], &c);
    }
    find_next_close(sym, rules);
}

bool symbol_add_slow(struct symbol *sym, const struct bar_rules *rules,
                     const struct bar_input *in, unsigned i)
{
    struct series_context c = context(sym, rules, i);

    if (sym->basis == SYMBOL_QUOTES && in->key.time_ns < sym->quoted.from_ns)
        sym->quoted.from_ns = in->key.time_ns;
    switch (series_add(&sym->series[i], &c, in)) {
    case SERIES_LATE:
        rules->counts->late_dropped++;
        return false;
    case SERIES_ADDED:
    case SERIES_STARTED:
    case SERIES_REVISED:
        break;
    }
    return true;
}

bool symbol_work(struct symbol *sym, const struct bar_rules *rules)
{
    find_next_close(sym, rules);
    if (sym->closed_ns >= sym->ids.unaged_ns)
        age_holes(sym, rules);
    if (sym->closed_ns < sym->next_close_ns)
        return false;
    close_due(sym, rules);
    return true;
}

void symbol_close(struct symbol *sym, const struct bar_rules *rules,
                  int64_t closed_ns)
{
    if (closed_ns > sym->closed_ns)
        sym->closed_ns = closed_ns;
    if (sym->closed_ns >= sym->next_ns)
        symbol_work(sym, rules);
}

void symbol_begin_trades(struct symbol *sym, const struct bar_rules *rules)
{
    struct series_quoted *q = &sym->quoted;

    for (unsigned i = 0; i < sym->n_series; i++) {
        struct series *s = &sym->series[i];
        struct series_context c = context(sym, rules, i);

        if (s->cur.start_ns > c.closed_ns)
            c.closed_ns = s->cur.start_ns;
        series_close(s, &c);
        series_reset(s, &c);
    }
    q->until_ns =
        sym->newest_ns > sym->closed_ns ? sym->newest_ns : sym->closed_ns;
    sym->newest_ns = sym->closed_ns = INT64_MIN;
    sym->next_close_ns = INT64_MAX;
    find_next(sym);
    sym->basis = SYMBOL_TRADES;
}

bool symbol_behind_quotes(const struct symbol *sym,
                          const struct bar_rules *rules, int64_t time_ns)
{
    return sym->basis == SYMBOL_QUOTES && sym->quoted.rev > 0 &&
           time_ns >= sym->quoted.from_ns &&
           time_ns < sym->closed_ns - rules->correction_ns;
}

void symbol_update(struct symbol *sym, const struct bar_rules *rules)
{
    for (unsigned i = 0; i < sym->n_series; i++) {
        struct series_context c = context(sym, rules, i);

        series_update(&sym->series[i], &c);
    }
}

void symbol_finish(struct symbol *sym, const struct bar_rules *rules)
{
    if (sym->newest_ns != INT64_MIN)
        symbol_close(sym, rules, sym->newest_ns);
    for (unsigned i = 0; i < sym->n_series; i++) {
        struct series_context c = context(sym, rules, i);

        series_finish(&sym->series[i], &c);
    }
    sym->next_close_ns = INT64_MAX;
    find_next(sym);
}

void symbol_restored(struct symbol *sym, const struct bar_rules *rules)
{
    find_next_close(sym, rules);
}

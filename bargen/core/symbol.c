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
    sym->quick = n_series == 1 ? &sym->series[0].cur : &sym->tip;
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
    missed_close(&sym->missed);
    free((char *)(uintptr_t)sym->name.ptr);
    free(sym->memory);
}

/* --- inputs that wait --- */

void symbol_settle(struct symbol *sym)
{
    sym->quick_from_ns = sym->quick_until_ns = 0;
    if (!(sym->tip.flags & BAR_CHANGED))
        return;
    sym->tip.flags = 0;
    for (unsigned i = 0; i < sym->n_series; i++) {
        struct bar *cur = &sym->series[i].cur;

        bar_merge(cur, &sym->tip);
        cur->flags |= BAR_CHANGED;
    }
}

/* After that input: are all newest bars open, and when do those like it no
 * longer go into each of them? */
static void expect(struct symbol *sym, const struct bar_input *in)
{
    int64_t from_ns = INT64_MIN, until_ns = INT64_MAX;
    struct bar_input nothing = *in;

    for (unsigned i = 0; i < sym->n_series; i++) {
        const struct bar *cur = &sym->series[i].cur;

        if (cur->flags & BAR_CLOSED || !bar_holds(cur, in->key.time_ns))
            return;
        from_ns = cur->start_ns > from_ns ? cur->start_ns : from_ns;
        until_ns = cur->end_ns < until_ns ? cur->end_ns : until_ns;
    }
    sym->quick_from_ns = from_ns;
    sym->quick_until_ns = until_ns;
    if (sym->quick != &sym->tip)
        return;
    /* As if it had no inputs: the one at hand is in all bars, so that it changes
     * none of them once more. */
    nothing.sized = nothing.counted = false;
    bar_start(&sym->tip, from_ns, until_ns, 0, &nothing);
    sym->tip.scales = in->sized ? in->scales : 0;
}

static bool hole_in(const struct symbol *sym, int64_t start_ns, int64_t end_ns)
{
    /* No hole is lost before it is closed. */
    return start_ns <= sym->closed_ns &&
           trade_ids_lost_in(&sym->ids, sym->closed_ns, start_ns, end_ns);
}

static uint32_t missing_in(const struct symbol *sym, int64_t start_ns,
                           int64_t end_ns)
{
    bool hole = hole_in(sym, start_ns, end_ns);
    bool jump = publishers_lost_in(&sym->publishers, start_ns, end_ns);
    bool gap = missed_in(&sym->missed, start_ns, end_ns);

    return (hole ? (uint32_t)BAR_HOLE : 0u) | (jump ? (uint32_t)BAR_JUMP : 0u) |
           (gap ? (uint32_t)BAR_GAP : 0u);
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
        .adding_ns = INT64_MIN,
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

    symbol_settle(sym);
    for (unsigned i = 0; i < sym->n_series; i++) {
        struct series_context c = context(sym, rules, i);

        series_flag(&sym->series[i], &c, BAR_JUMP, &loss);
    }
}

void symbol_lost(struct symbol *sym, int64_t until_ns)
{
    int64_t from_ns = sym->newest_ns;

    symbol_settle(sym);
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
    return hole_in(arg, start_ns, end_ns);
}

static bool always(const void *arg, int64_t start_ns, int64_t end_ns)
{
    (void)arg;
    (void)start_ns;
    (void)end_ns;
    return true;
}

void symbol_miss(struct symbol *sym, const struct bar_rules *rules,
                 int64_t time_ns)
{
    const struct series_loss loss = {time_ns, time_ns, always, NULL};

    for (unsigned i = 0; i < sym->n_series; i++) {
        struct series_context c = context(sym, rules, i);

        if (sym->missed.n == MISSED_MAX)
            missed_pass(&sym->missed, c.keep_from_ns);
        series_flag(&sym->series[i], &c, BAR_GAP, &loss);
    }
    missed_add(&sym->missed, time_ns);
}

static void find_next(struct symbol *sym)
{
    sym->next_ns = sym->next_close_ns < sym->ids.due_ns ? sym->next_close_ns
                                                        : sym->ids.due_ns;
}

struct where {
    struct symbol *sym;
    const struct bar_rules *rules;
};

static void on_lost(void *arg, const struct id_hole *hole)
{
    const struct series_loss loss = {hole->from_ns, hole->to_ns, always, NULL};
    const struct where *where = arg;
    struct symbol *sym = where->sym;

    symbol_settle(sym);
    where->rules->counts->holes++;
    for (unsigned i = 0; i < sym->n_series; i++) {
        struct series_context c = context(sym, where->rules, i);

        series_flag(&sym->series[i], &c, BAR_HOLE, &loss);
    }
}

static void pass_holes(struct symbol *sym, const struct bar_rules *rules)
{
    struct where where = {sym, rules};

    trade_ids_pass(&sym->ids, sym->closed_ns, on_lost, &where);
    find_next(sym);
}

/* What a new id has changed. */
static void flag_holes(struct symbol *sym, const struct bar_rules *rules,
                       const struct trade_ids_change *change, int64_t adding_ns)
{
    const struct series_loss loss = {change->look.from_ns, change->look.to_ns,
                                     lost_in, sym};

    symbol_settle(sym);
    for (unsigned i = 0; i < sym->n_series; i++) {
        struct series_context c = context(sym, rules, i);

        c.adding_ns = adding_ns;
        if (trade_ids_any(change->settle))
            series_settle(&sym->series[i], change->settle.from_ns,
                          change->settle.to_ns);
        if (trade_ids_any(change->look))
            series_flag(&sym->series[i], &c, BAR_HOLE, &loss);
    }
    if (sym->ids.steps.contiguous)
        rules->counts->holes += change->holes;
}

static bool take_id(struct symbol *sym, const struct bar_rules *rules,
                    int64_t number, struct span text, int64_t time_ns,
                    int64_t adding_ns)
{
    const int64_t least_ns = TRADE_IDS_WINDOW_MIN_S * NS_PER_SECOND;
    struct trade_ids_now now = {sym->closed_ns, rules->correction_ns < least_ns
                                                    ? least_ns
                                                    : rules->correction_ns};
    struct trade_ids_change change;

    if (!trade_ids_take(&sym->ids, number, text, time_ns, &now, &change))
        return false;
    rules->counts->ids_forgotten += change.forgotten;
    if (trade_ids_any(change.look) || trade_ids_any(change.settle))
        flag_holes(sym, rules, &change, adding_ns);
    find_next(sym);
    return true;
}

bool symbol_new_trade(struct symbol *sym, const struct bar_rules *rules,
                      int64_t number, struct span text, int64_t time_ns)
{
    return trade_ids_next(&sym->ids, number, time_ns) ||
           take_id(sym, rules, number, text, time_ns, time_ns);
}

bool symbol_note_trade(struct symbol *sym, const struct bar_rules *rules,
                       int64_t number, struct span text, int64_t time_ns)
{
    return trade_ids_next(&sym->ids, number, time_ns) ||
           take_id(sym, rules, number, text, time_ns, INT64_MIN);
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
    symbol_settle(sym);
    for (unsigned i = 0; i < sym->n_series; i++) {
        struct series_context c = context(sym, rules, i);

        series_close(&sym->series[i], &c);
    }
    find_next_close(sym, rules);
}

/* In one series.  True: what is next to be closed has changed. */
static bool add_to(struct symbol *sym, const struct bar_rules *rules,
                   const struct bar_input *in, unsigned i)
{
    struct series *s = &sym->series[i];
    struct series_context c;

    if (series_takes(s, in->key.time_ns)) {
        bar_add(&s->cur, in);
        s->cur.flags |= BAR_CHANGED;
        return false;
    }
    c = context(sym, rules, i);
    if (sym->basis == SYMBOL_QUOTES && in->key.time_ns < sym->quoted.from_ns)
        sym->quoted.from_ns = in->key.time_ns;
    switch (series_add(s, &c, in)) {
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

bool symbol_add_slow(struct symbol *sym, const struct bar_rules *rules,
                     const struct bar_input *in)
{
    bool changed = false;

    symbol_settle(sym);
    for (unsigned i = 0; i < sym->n_series; i++)
        changed |= add_to(sym, rules, in, i);
    symbol_pass(sym, rules, in->key.time_ns);
    if (changed || sym->closed_ns >= sym->next_ns)
        changed |= symbol_work(sym, rules);
    expect(sym, in);
    return changed;
}

bool symbol_work(struct symbol *sym, const struct bar_rules *rules)
{
    find_next_close(sym, rules);
    if (sym->closed_ns >= sym->ids.due_ns)
        pass_holes(sym, rules);
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

    symbol_settle(sym);
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
           time_ns + rules->correction_ns < sym->closed_ns;
}

uint64_t symbol_update(struct symbol *sym, const struct bar_rules *rules,
                       uint64_t now_ms)
{
    uint64_t next_ms = UINT64_MAX;

    symbol_settle(sym);
    for (unsigned i = 0; i < sym->n_series; i++) {
        struct series *s = &sym->series[i];
        struct series_context c = context(sym, rules, i);
        uint64_t due_ms = series_update_due_ms(s);

        if (due_ms == UINT64_MAX)
            continue;
        if (due_ms <= now_ms) {
            s->updated_ms = now_ms;
            series_update(s, &c);
        } else if (due_ms < next_ms) {
            next_ms = due_ms;
        }
    }
    return next_ms;
}

void symbol_finish(struct symbol *sym, const struct bar_rules *rules)
{
    symbol_settle(sym);
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
    symbol_settle(sym);
    trade_ids_restored(&sym->ids, sym->closed_ns);
    find_next_close(sym, rules);
}

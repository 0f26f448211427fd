#include "bargen/core/engine.h"

#include <assert.h>
#include <stdlib.h>

#include "bargen/core/engine_place.h"
#include "common/base/bytes.h"
#include "common/event/route.h"

/* In 2255: a month, a grace and a correction later still fit 64 bits. */
#define TIME_MAX_NS (INT64_C(9000000000) * NS_PER_SECOND)

static void on_issue(void *arg, struct symbol *sym, const struct resolution *r,
                     const struct bar *bar, enum bar_issue how)
{
    struct engine *e = arg;

    if (e->config.skip_first_partial && bar->flags & BAR_PARTIAL)
        return;
    switch (how) {
    case BAR_UPDATE:
        e->counts.updates++;
        break;
    case BAR_FINAL:
        e->counts.finals++;
        e->counts.revisions += bar->rev > 0;
        break;
    case BAR_UNFINISHED:
        e->counts.unfinished++;
        break;
    }
    e->config.sink.issue(e->config.sink.arg, sym, r, bar, how);
}

void engine_init(struct engine *e, const struct engine_config *config)
{
    assert(config->n_resolutions <= ENGINE_RESOLUTIONS_MAX);
    assert(config->shards >= 1 && config->shards <= ENGINE_SHARDS_MAX);
    *e = (struct engine){.config = *config, .newest_ns = INT64_MIN};
    symbols_init(&e->symbols);
    memcpy(e->resolutions, config->resolutions,
           config->n_resolutions * sizeof *e->resolutions);
    e->rules = (struct bar_rules){.resolutions = e->resolutions,
                                  .n_resolutions = config->n_resolutions,
                                  .grace_ns = config->grace_ns,
                                  .correction_ns = config->correction_ns,
                                  .fill = config->fill,
                                  .note_drops = config->note_drops,
                                  .sink = {on_issue, e},
                                  .counts = &e->counts};
    e->wanted = mem_zero((config->n_symbols + 1) * sizeof(*e->wanted));
    for (unsigned i = 0; i < config->n_symbols; i++)
        e->wanted[i] = mem_str(span_str(config->symbols[i]));
}

void engine_close(struct engine *e)
{
    symbols_close(&e->symbols);
    for (unsigned i = 0; i < e->config.n_symbols; i++)
        free(e->wanted[i]);
    free(e->wanted);
    heap_close(&e->wake);
    *e = (struct engine){0};
}

static bool wanted(const struct engine *e, struct span name)
{
    for (unsigned i = 0; i < e->config.n_symbols; i++)
        if (span_is(name, e->wanted[i]))
            return true;
    return e->config.n_symbols == 0;
}

static bool is_away(const struct engine *e, struct span name)
{
    return e->n_away > 0 && e->shards[route_shard(name, e->config.shards)].away;
}

struct symbol *engine_symbol(struct engine *e, struct span name)
{
    struct symbol *sym = symbols_find(&e->symbols, name);
    bool ours;

    if (sym || e->symbols.n == ENGINE_SYMBOLS_MAX || is_away(e, name))
        return sym;
    ours = wanted(e, name);
    sym = symbol_new(name, ours ? e->rules.n_resolutions : 0);
    sym->ignored = !ours;
    sym->shard = (uint16_t)route_shard(name, e->config.shards);
    sym->dirty = !e->config.track;
    if (e->shards[sym->shard].anew)
        symbol_lost(sym, INT64_MIN);
    symbols_put(&e->symbols, sym);
    return sym;
}

/* A trade id of digits alone, without a leading zero, that fits; else -1. */
static int64_t id_number(struct span id)
{
    enum { DIGITS_MAX = 19 }; /* fit 64 bits without a sign */
    uint64_t n = 0;

    if (id.len == 0 || id.len > DIGITS_MAX || (id.ptr[0] == '0' && id.len > 1))
        return -1;
    for (size_t i = 0; i < id.len; i++) {
        unsigned digit = (unsigned char)id.ptr[i] - (unsigned)'0';

        if (digit > 9)
            return -1;
        n = n * 10 + digit;
    }
    return n <= INT64_MAX ? (int64_t)n : -1;
}

/* An event of that kind makes no bar. */
static enum engine_verdict pass_over(struct engine *e)
{
    e->counts.ignored++;
    return ENGINE_IGNORED;
}

static inline void set_price(struct bar_input *in, const struct decimal *price)
{
    in->price.mant = price->mant;
    in->price.scale = price->scale;
}

static inline enum engine_verdict from_quote(struct engine *e,
                                             struct symbol *sym,
                                             const struct event *ev,
                                             struct bar_input *in)
{
    enum price_source price = e->config.price;
    unsigned need = price == PRICE_BID   ? EVENT_HAS_BID
                    : price == PRICE_ASK ? EVENT_HAS_ASK
                                         : EVENT_HAS_BID | EVENT_HAS_ASK;

    if (price == PRICE_TRADE || sym->basis == SYMBOL_TRADES ||
        (ev->have & need) != need)
        return pass_over(e);
    in->counted = true;
    in->sized = false;
    if (price == PRICE_BID)
        set_price(in, &ev->bid);
    else if (price == PRICE_ASK)
        set_price(in, &ev->ask);
    else
        in->price = decimal_mid(ev->bid, ev->ask);
    sym->basis = SYMBOL_QUOTES;
    return ENGINE_TAKEN;
}

static inline enum engine_verdict from_trade(struct engine *e,
                                             struct symbol *sym,
                                             const struct event *ev,
                                             struct bar_input *in)
{
    bool behind = symbol_behind_quotes(sym, &e->rules, in->key.time_ns);
    bool sized = (ev->have & EVENT_HAS_SIZE) != 0;

    if (e->config.price > PRICE_TRADE)
        return pass_over(e);
    set_price(in, &ev->price);
    in->sized = false;
    if (sized && ev->size.mant > 0)
        bar_input_size(in, ev->size);
    /* Size 0 is a snapshot's way to tell the price: no trade to count. */
    in->counted = !sized || in->sized;
    if (ev->have & EVENT_HAS_ID)
        in->key.id = id_number(ev->id);
    if (ev->have & EVENT_HAS_ID &&
        !(behind ? symbol_note_trade : symbol_new_trade)(
            sym, &e->rules, in->key.id, ev->id, in->key.time_ns)) {
        e->counts.duplicates++;
        return ENGINE_REPEATED;
    }
    if (behind) {
        e->counts.late_dropped += sym->n_series;
        return ENGINE_IGNORED;
    }
    if (sym->basis != SYMBOL_TRADES)
        symbol_begin_trades(sym, &e->rules);
    return ENGINE_TAKEN;
}

/* It makes no bar and moves no clock, but its id is not missing. */
static enum engine_verdict from_excluded(struct engine *e, struct symbol *sym,
                                         const struct event *ev)
{
    if (e->config.price <= PRICE_TRADE) {
        (void)symbol_note_trade(sym, &e->rules, id_number(ev->id), ev->id,
                                ev->time_ns);
        if (!sym->dirty)
            engine_mark(e, sym);
    }
    return pass_over(e);
}

/* Only a live symbol is woken by the time of day. */
static void arm(struct engine *e, struct symbol *sym)
{
    if (!sym->live || sym->next_close_ns == INT64_MAX)
        heap_remove(&e->wake, &sym->wake);
    else
        heap_set(&e->wake, &sym->wake, sym->next_close_ns + e->config.grace_ns);
}

static inline void add(struct engine *e, struct symbol *sym,
                       const struct bar_input *in, int64_t received_ns)
{
    int64_t next_close_ns = sym->next_close_ns;
    bool changed, live;

    if (sym->losing)
        symbol_found(sym, in->key.time_ns);
    changed = symbol_add(sym, &e->rules, in);
    if (sym->newest_ns > e->newest_ns && sym->basis == SYMBOL_TRADES)
        e->newest_ns = sym->newest_ns;
    e->counts.events++;
    live = engine_is_live(e, sym->newest_ns, received_ns);
    if (live != sym->live || (live && sym->next_close_ns != next_close_ns)) {
        sym->live = live;
        arm(e, sym);
    }
    if (changed)
        e->shards[sym->shard].urgent = true;
    if (!sym->dirty)
        engine_mark(e, sym);
}

/* False: the event was here before. */
static bool follow_sequence(struct engine *e, struct symbol *sym,
                            const struct event *ev, int64_t received_ns,
                            bool future, struct seq_span *touched, bool *jumped)
{
    enum { BOTH = EVENT_HAS_SEQ | EVENT_HAS_SRC };
    int64_t time_ns;

    if (!e->config.sequence || (ev->have & BOTH) != BOTH)
        return true;
    time_ns = future ? sym->newest_ns : engine_place(e, sym, ev, received_ns);
    switch (publishers_take(&sym->publishers,
                            fingerprint_again(&e->src, ev->src), ev->seq,
                            time_ns, touched)) {
    case SEQ_SEEN:
        return false;
    case SEQ_JUMP:
        e->counts.gaps++;
        *jumped = true;
        break;
    case SEQ_FILLED:
        *jumped = true;
        break;
    case SEQ_NEXT:
        break;
    }
    if (!sym->dirty)
        engine_mark(e, sym);
    return true;
}

/* It is too far ahead: the bar of its time, if there will be one, lacks it.
 * Quotes beside trades are none of a bar of trades. */
static enum engine_verdict drop_future(struct engine *e, struct symbol *sym,
                                       const struct event *ev)
{
    enum event_type type =
        e->config.price <= PRICE_TRADE ? EVENT_TRADE : EVENT_TICK;

    e->counts.future++;
    if (ev->type == type && ev->time_ns < TIME_MAX_NS) {
        symbol_miss(sym, &e->rules, ev->time_ns);
        if (!sym->dirty)
            engine_mark(e, sym);
    }
    return ENGINE_FUTURE;
}

static bool too_far_ahead(const struct engine *e, int64_t time_ns,
                          int64_t received_ns)
{
    int64_t day_ns = received_ns > e->wall_ns ? received_ns : e->wall_ns;
    int64_t latest_ns = day_ns + e->config.ahead_ns;

    if (time_ns >= TIME_MAX_NS)
        return true;
    if (e->config.ahead_ns == 0 || time_ns <= latest_ns)
        return false;
    /* One was taken that would not be now: the clock was set back since. */
    return e->newest_ns <= latest_ns ||
           time_ns > e->newest_ns + ENGINE_LIVE_MS * NS_PER_MS;
}

enum engine_verdict engine_event(struct engine *e, const struct event *ev,
                                 int64_t received_ns)
{
    struct bar_input in;
    enum engine_verdict verdict;
    struct seq_span touched;
    struct symbol *sym;
    bool jumped = false, future;

    if (ev->type > EVENT_TRADE_EXCLUDED)
        return pass_over(e);
    sym = symbols_find(&e->symbols, ev->symbol);
    if (!sym) {
        if (is_away(e, ev->symbol))
            return pass_over(e);
        sym = engine_symbol(e, ev->symbol);
    }
    if (!sym) {
        e->counts.symbols_refused++;
        return ENGINE_REFUSED;
    }
    if (sym->ignored)
        return pass_over(e);
    future = too_far_ahead(e, ev->time_ns, received_ns);
    if (!follow_sequence(e, sym, ev, received_ns, future, &touched, &jumped)) {
        e->counts.repeated++;
        return ENGINE_REPEATED;
    }
    if (future)
        return drop_future(e, sym, ev);
    if (jumped)
        symbol_flag_jumps(sym, &e->rules, touched);
    if (ev->type == EVENT_TRADE_EXCLUDED)
        return from_excluded(e, sym, ev);
    in.key.time_ns = ev->time_ns;
    in.key.id = -1;
    verdict = ev->type == EVENT_TICK ? from_quote(e, sym, ev, &in)
                                     : from_trade(e, sym, ev, &in);
    if (verdict == ENGINE_TAKEN)
        add(e, sym, &in, received_ns);
    if (jumped) /* the bar that it began has lost some as well */
        symbol_flag_jumps(sym, &e->rules, touched);
    return verdict;
}

void engine_lost(struct engine *e, int shard, int64_t until_ns)
{
    e->counts.gaps++;
    for (unsigned i = 0; i < e->symbols.n; i++) {
        struct symbol *sym = e->symbols.all[i];

        if (sym->ignored || (shard >= 0 && sym->shard != shard))
            continue;
        symbol_lost(sym, until_ns);
        if (!sym->dirty)
            engine_mark(e, sym);
    }
}

int64_t engine_next_wake(const struct engine *e)
{
    const struct heap_node *first = heap_first(&e->wake);

    return first ? first->due_ns : INT64_MAX;
}

void engine_wake(struct engine *e, int64_t wall_ns)
{
    struct heap_node *first;

    while ((first = heap_first(&e->wake)) && first->due_ns <= wall_ns) {
        struct symbol *sym = e->symbols.all[first->rank];

        symbol_close(sym, &e->rules, wall_ns - e->config.grace_ns);
        arm(e, sym);
        e->shards[sym->shard].urgent = true;
        if (!sym->dirty)
            engine_mark(e, sym);
    }
}

void engine_finish(struct engine *e)
{
    for (unsigned i = 0; i < e->symbols.n; i++)
        symbol_finish(e->symbols.all[i], &e->rules);
}

static bool is_in_shard(const struct symbol *sym, const void *shard)
{
    return sym->shard == *(const unsigned *)shard;
}

void engine_forget(struct engine *e, unsigned shard, bool away)
{
    struct engine_shard *s = &e->shards[shard];

    for (unsigned i = 0; i < e->symbols.n; i++)
        if (e->symbols.all[i]->shard == shard)
            heap_remove(&e->wake, &e->symbols.all[i]->wake);
    symbols_remove(&e->symbols, is_in_shard, &shard);
    e->n_away += (unsigned)away - (unsigned)s->away;
    *s = (struct engine_shard){.away = away};
}

void engine_begin_anew(struct engine *e, struct symbol *sym)
{
    e->counts.gaps++;
    symbol_lost(sym, INT64_MIN);
    if (!sym->dirty)
        engine_mark(e, sym);
}

void engine_restored(struct engine *e, struct symbol *sym)
{
    symbol_restored(sym, &e->rules);
    if (sym->basis == SYMBOL_TRADES && sym->newest_ns > e->newest_ns)
        e->newest_ns = sym->newest_ns;
    arm(e, sym);
}

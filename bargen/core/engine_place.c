#include "bargen/core/engine_place.h"

/* Makes the event a bar?  If not it may be by another clock than those that
 * do: quotes stamped on arrival, beside trades of long ago. */
static bool makes_bars(const struct engine *e, const struct symbol *sym,
                       const struct event *ev)
{
    if (ev->type == EVENT_TICK)
        return e->config.price != PRICE_TRADE && sym->basis != SYMBOL_TRADES;
    return e->config.price <= PRICE_TRADE &&
           (ev->type == EVENT_TRADE || sym->basis != SYMBOL_QUOTES) &&
           !symbol_behind_quotes(sym, &e->rules, ev->time_ns);
}

int64_t engine_place(const struct engine *e, struct symbol *sym,
                     const struct event *ev, int64_t received_ns)
{
    bool ours = makes_bars(e, sym, ev);

    if (sym->newest_ns == INT64_MIN)
        return ours ? ev->time_ns : INT64_MIN;
    if (engine_is_live(e, ev->time_ns, received_ns) == sym->live)
        return ev->time_ns;
    if (!ours)
        return sym->newest_ns;
    /* The bars of quotes end, and their clock with them. */
    if (sym->basis == SYMBOL_QUOTES && ev->type != EVENT_TICK)
        publishers_retime(&sym->publishers, ev->time_ns);
    return ev->time_ns;
}

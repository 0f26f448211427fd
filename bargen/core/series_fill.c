#include "bargen/core/series_fill.h"

/* The next empty stretch to be filled before the oldest open bar. */
bool series_next_fill(const struct series *s, const struct series_context *c,
                      unsigned open, int64_t *start_ns, int64_t *end_ns)
{
    if (!c->fill || open == 0)
        return false;
    resolution_bucket(c->resolution, series_bar_at(s, open - 1)->end_ns,
                      start_ns, end_ns);
    return *end_ns <= s->fill_until_ns &&
           (open == series_bars(s) ||
            *start_ns < series_bar_at(s, open)->start_ns);
}

static bool same_text(struct decimal a, struct decimal b)
{
    return a.mant == b.mant && a.scale == b.scale;
}

static bool continues(const struct bar *run, const struct bar *fill)
{
    const uint32_t kept = ~(uint32_t)(BAR_CHANGED | BAR_UNSAVED | BAR_STORED);

    return run->end_ns == fill->start_ns && run->rev == fill->rev &&
           (run->flags & kept) == (fill->flags & kept) &&
           same_text(run->close, fill->close);
}

void series_add_fill(struct series *s, const struct series_context *c,
                     int64_t start_ns, int64_t end_ns, struct decimal price,
                     bool late)
{
    struct bar fill = bar_flat(start_ns, end_ns, price), *run;
    unsigned i = series_first_after(s, start_ns);

    fill.flags |= BAR_CLOSED | series_fresh_flags(c, start_ns, end_ns);
    fill.rev = series_fresh_rev(c, end_ns, late);
    run = i > 0 ? series_bar(s, i - 1) : NULL;
    if (!run || !continues(run, &fill)) {
        series_issue(s, c, series_insert(s, c, &fill));
        return;
    }
    run->end_ns = end_ns;
    run->flags |= BAR_UNSAVED;
    series_issued(s, c, &fill);
    series_tell(c, &fill, BAR_FINAL);
}

static void reprice(struct series *s, const struct series_context *c,
                    struct bar *run, struct decimal price)
{
    if (same_text(run->close, price))
        return;
    run->open = run->high = run->low = run->close = price;
    series_issue_again(s, c, run);
}

/* A closed bar has changed, or is new: so do the fills behind it, up to the
 * next bar with trades. */
void series_refill(struct series *s, const struct series_context *c,
                   int64_t end_ns, struct decimal price)
{
    int64_t until_ns = end_ns + NS_PER_DAY, start_ns;

    while (c->fill) {
        unsigned i = series_first_after(s, end_ns);

        if (i < series_bars(s) && series_bar_at(s, i)->start_ns <= end_ns) {
            if (!(series_bar_at(s, i)->flags & BAR_FILL))
                return;
            reprice(s, c, series_bar(s, i), price);
            end_ns = series_bar_at(s, i)->end_ns;
            continue;
        }
        resolution_bucket(c->resolution, end_ns, &start_ns, &end_ns);
        if (end_ns > until_ns || end_ns > c->closed_ns ||
            start_ns < s->forgotten_ns)
            return;
        series_add_fill(s, c, start_ns, end_ns, price, true);
        series_drop_old(s, c);
    }
}

/* [from, to) of a run of fills becomes a run of its own. */
struct bar *series_carve(struct series *s, const struct series_context *c,
                         struct bar *run, int64_t from_ns, int64_t to_ns)
{
    const int64_t cuts[] = {from_ns, to_ns};

    for (int k = 0; k < 2; k++) {
        struct bar rest = *run;

        if (cuts[k] > run->start_ns && cuts[k] < run->end_ns) {
            run->end_ns = rest.start_ns = cuts[k];
            run->flags |= BAR_UNSAVED;
            rest.flags &= ~(uint32_t)BAR_STORED;
            series_insert(s, c, &rest);
        }
        run = series_bar(s, series_first_after(s, from_ns));
    }
    return run;
}

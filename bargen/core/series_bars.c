#include "bargen/core/series_bars.h"

#include <stdlib.h>

#include "common/base/bytes.h"

void series_free(struct series *s)
{
    free(s->kept);
    free(s->dropped_ns);
    *s = (struct series){0};
}

/* --- bars in order of time: the kept ones, then cur --- */

unsigned series_bars(const struct series *s)
{
    return s->n_kept + (s->cur.end_ns != 0);
}

const struct bar *series_bar_at(const struct series *s, unsigned i)
{
    return i == s->n_kept ? &s->cur : &s->kept[i];
}

struct bar *series_bar(struct series *s, unsigned i)
{
    return i == s->n_kept ? &s->cur : &s->kept[i];
}

/* The oldest that is open; series_bars(s): none is. */
unsigned series_oldest_open(const struct series *s)
{
    unsigned i = 0, n = series_bars(s);

    while (i < n && series_bar_at(s, i)->flags & BAR_CLOSED)
        i++;
    return i;
}

/* The first that ends later; series_bars(s): none. */
unsigned series_first_after(const struct series *s, int64_t time_ns)
{
    unsigned low = 0, high = series_bars(s);

    while (low < high) {
        unsigned mid = low + (high - low) / 2;

        if (series_bar_at(s, mid)->end_ns <= time_ns)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* --- issuing --- */

void series_tell(const struct series_context *c, const struct bar *bar,
                 enum bar_issue how)
{
    c->sink->issue(c->sink->arg, c->symbol, c->resolution, bar, how);
}

void series_issued(struct series *s, const struct series_context *c,
                   const struct bar *bar)
{
    if (!(bar->flags & BAR_FILL) && bar->end_ns + NS_PER_DAY > s->fill_until_ns)
        s->fill_until_ns = bar->end_ns + NS_PER_DAY;
    if (c->flags & BAR_QUOTES && bar->rev >= c->quoted->rev)
        c->quoted->rev = bar->rev + 1;
}

/* A run of fills is issued one by one. */
void series_issue(struct series *s, const struct series_context *c,
                  struct bar *bar)
{
    struct bar one;

    bar->flags |= BAR_CLOSED | BAR_UNSAVED;
    bar->flags &= ~(uint32_t)BAR_CHANGED;
    series_issued(s, c, bar);
    one = *bar;
    for (one.end_ns = bar->start_ns; one.end_ns < bar->end_ns;) {
        resolution_bucket(c->resolution, one.end_ns, &one.start_ns,
                          &one.end_ns);
        series_tell(c, &one, BAR_FINAL);
    }
}

void series_issue_again(struct series *s, const struct series_context *c,
                        struct bar *bar)
{
    bar->rev++;
    series_issue(s, c, bar);
}

/* --- keeping --- */

/* One that was never stored leaves nothing behind. */
static void note_drop(struct series *s, const struct bar *bar)
{
    if (!(bar->flags & BAR_STORED))
        return;
    if (s->n_dropped == s->cap_dropped) {
        s->cap_dropped = s->cap_dropped ? s->cap_dropped * 2 : 8;
        s->dropped_ns =
            mem_grow(s->dropped_ns, s->cap_dropped * sizeof *s->dropped_ns);
    }
    s->dropped_ns[s->n_dropped++] = bar->start_ns;
}

/* The n oldest bars go. */
void series_drop(struct series *s, unsigned n, bool note_drops)
{
    /* There may be no array at all. */
    if (n == 0)
        return;
    for (unsigned i = 0; i < n && note_drops; i++)
        note_drop(s, &s->kept[i]);
    s->forgotten_ns = s->kept[n - 1].end_ns;
    s->n_kept -= n;
    memmove(s->kept, s->kept + n, s->n_kept * sizeof *s->kept);
}

struct bar *series_keep(struct series *s, const struct bar *bar,
                        bool note_drops)
{
    unsigned at;

    if (s->n_kept == SERIES_KEPT_MAX)
        series_drop(s, 1, note_drops);
    if (s->n_kept == s->cap_kept) {
        /* Two closed ones and the one that follows: most need no more. */
        s->cap_kept = s->cap_kept ? s->cap_kept * 2 : 3;
        s->kept = mem_grow(s->kept, s->cap_kept * sizeof *s->kept);
    }
    for (at = s->n_kept; at > 0; at--)
        if (s->kept[at - 1].start_ns < bar->start_ns)
            break;
    memmove(s->kept + at + 1, s->kept + at, (s->n_kept - at) * sizeof *s->kept);
    s->kept[at] = *bar;
    s->kept[at].flags |= BAR_UNSAVED;
    s->n_kept++;
    return &s->kept[at];
}

static bool is_closed_bar(const struct bar *bar)
{
    return (bar->flags & (BAR_CLOSED | BAR_FILL)) == BAR_CLOSED;
}

/* The last two with trades stay, and the fills behind them. */
void series_drop_old(struct series *s, const struct series_context *c)
{
    enum { KEPT = SERIES_KEPT_CLOSED };
    unsigned closed = is_closed_bar(&s->cur), n = 0;

    for (unsigned i = 0; i < s->n_kept; i++)
        closed += is_closed_bar(&s->kept[i]);
    for (; n < s->n_kept; n++) {
        const struct bar *bar = &s->kept[n];
        bool fill = bar->flags & BAR_FILL;

        if (!(bar->flags & BAR_CLOSED) || bar->end_ns > c->keep_from_ns ||
            closed < (fill ? KEPT : KEPT + 1))
            break;
        closed -= !fill;
    }
    series_drop(s, n, c->note_drops);
}

bool series_correctable(const struct series *s, const struct series_context *c,
                        int64_t start_ns, int64_t end_ns)
{
    unsigned newer = 0;

    if (end_ns > c->keep_from_ns)
        return true;
    /* It is one of the last two with trades, or behind one of them. */
    for (unsigned i = series_bars(s); i-- > 0;) {
        const struct bar *bar = series_bar_at(s, i);

        if (!is_closed_bar(bar))
            continue;
        if (bar->start_ns <= start_ns)
            return true;
        if (++newer == SERIES_KEPT_CLOSED)
            return false;
    }
    return false;
}

struct bar *series_find(struct series *s, int64_t time_ns)
{
    if (bar_holds(&s->cur, time_ns))
        return &s->cur;
    for (unsigned i = s->n_kept; i > 0; i--)
        if (bar_holds(&s->kept[i - 1], time_ns))
            return &s->kept[i - 1];
    return NULL;
}

/* Where it belongs; newer than the newest, that one waits in kept. */
struct bar *series_insert(struct series *s, const struct series_context *c,
                          const struct bar *bar)
{
    if (s->cur.end_ns != 0 && bar->start_ns < s->cur.start_ns)
        return series_keep(s, bar, c->note_drops);
    if (s->cur.end_ns != 0)
        series_keep(s, &s->cur, c->note_drops);
    s->cur = *bar;
    return &s->cur;
}

/* --- beginning --- */

/* Flags of a bar that is started. */
uint32_t series_fresh_flags(const struct series_context *c, int64_t start_ns,
                            int64_t end_ns)
{
    bool lost = start_ns < c->lost_until_ns && end_ns > c->lost_from_ns;

    return c->flags | (lost ? (uint32_t)BAR_GAP : 0u) |
           c->missing(c->symbol, start_ns, end_ns);
}

/* late: its time was closed while there was none, so that for a chart it is a
 * correction.  Where quotes have issued bars it follows those. */
uint32_t series_fresh_rev(const struct series_context *c, int64_t end_ns,
                          bool late)
{
    const struct series_quoted *q = c->quoted;

    if (!(c->flags & BAR_QUOTES) && q->rev > 0 && end_ns > q->from_ns &&
        end_ns <= q->until_ns)
        return q->rev;
    return late;
}

/* --- for decoding --- */

bool series_restore(struct series *s, const struct bar *bar)
{
    unsigned next = series_first_after(s, bar->start_ns);

    /* A newest there is, and it is newer. */
    if (next == series_bars(s) ||
        series_bar_at(s, next)->start_ns < bar->end_ns)
        return false;
    series_keep(s, bar, false)->flags &= ~(uint32_t)BAR_UNSAVED;
    return true;
}

void series_forget(struct series *s, int64_t end_ns)
{
    if (end_ns > s->forgotten_ns)
        s->forgotten_ns = end_ns;
}

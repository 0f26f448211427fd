#include "bargen/core/series.h"

#include "bargen/core/series_bars.h"
#include "bargen/core/series_fill.h"

/* --- adding --- */

/* A correction may still make a bar where none was if its time is kept.  Where
 * bars were forgotten it cannot be told that none was. */
static bool reachable(const struct series *s, const struct series_context *c,
                      int64_t start_ns, int64_t end_ns)
{
    if (start_ns < s->forgotten_ns ||
        (s->n_kept == SERIES_KEPT_MAX && start_ns < s->kept[0].start_ns))
        return false;
    return series_correctable(s, c, start_ns, end_ns);
}

/* Only the first bar of a series is partial: it no longer is. */
static void not_the_first(struct series *s, const struct series_context *c,
                          struct bar *bar)
{
    bar->flags &= ~(uint32_t)BAR_PARTIAL;
    bar->flags |= BAR_CHANGED;
    if (bar->flags & BAR_CLOSED)
        series_issue_again(s, c, bar);
}

/* The first input of a stretch where no bar was until now. */
static enum series_result start(struct series *s,
                                const struct series_context *c,
                                const struct bar_input *in)
{
    unsigned n = series_bars(s);
    bool first, newest;
    struct bar bar, *at;

    resolution_bucket(c->resolution, in->key.time_ns, &bar.start_ns,
                      &bar.end_ns);
    newest = n == 0 || bar.start_ns > s->cur.start_ns;
    if (!newest && !reachable(s, c, bar.start_ns, bar.end_ns))
        return SERIES_LATE;
    first = n == 0 || (bar.start_ns < series_bar_at(s, 0)->start_ns &&
                       series_bar_at(s, 0)->flags & BAR_PARTIAL);
    bar_start(&bar, bar.start_ns, bar.end_ns,
              series_fresh_flags(c, bar.start_ns, bar.end_ns) |
                  (first ? (uint32_t)BAR_PARTIAL : 0u),
              in);
    bar.rev = series_fresh_rev(c, bar.end_ns, bar.end_ns <= c->closed_ns);
    bar.flags |= BAR_CHANGED;
    if (first && n > 0)
        not_the_first(s, c, series_bar(s, 0));
    at = series_insert(s, c, &bar);
    if (bar.end_ns > c->closed_ns)
        return newest ? SERIES_STARTED : SERIES_ADDED;
    series_issue(s, c, at);
    series_refill(s, c, bar.end_ns, bar.close);
    return SERIES_REVISED;
}

/* The first trade where a fill is. */
static struct bar *replace_fill(struct series *s,
                                const struct series_context *c, struct bar *run,
                                const struct bar_input *in)
{
    int64_t start_ns, end_ns;
    struct bar *fill;
    uint32_t rev, flags;

    resolution_bucket(c->resolution, in->key.time_ns, &start_ns, &end_ns);
    fill = series_carve(s, c, run, start_ns, end_ns);
    rev = fill->rev;
    flags = (fill->flags & ~(uint32_t)BAR_FILL) | c->flags;
    bar_start(fill, start_ns, end_ns, flags, in);
    fill->rev = rev;
    return fill;
}

enum series_result series_add(struct series *s, const struct series_context *c,
                              const struct bar_input *in)
{
    struct bar *bar = series_find(s, in->key.time_ns);
    int64_t start_ns, end_ns;

    if (!bar)
        return start(s, c, in);
    resolution_bucket(c->resolution, in->key.time_ns, &start_ns, &end_ns);
    if (bar->flags & BAR_CLOSED && !series_correctable(s, c, start_ns, end_ns))
        return SERIES_LATE;
    if (bar->flags & BAR_FILL)
        bar = replace_fill(s, c, bar, in);
    else
        bar_add(bar, in);
    bar->flags |= BAR_CHANGED;
    if (!(bar->flags & BAR_CLOSED))
        return SERIES_ADDED;
    series_issue_again(s, c, bar);
    series_refill(s, c, bar->end_ns, bar->close);
    return SERIES_REVISED;
}

/* --- closing --- */

void series_close(struct series *s, const struct series_context *c)
{
    int64_t start_ns, end_ns;

    for (;;) {
        unsigned open = series_oldest_open(s);

        if (series_next_fill(s, c, open, &start_ns, &end_ns) &&
            end_ns <= c->closed_ns) {
            series_add_fill(s, c, start_ns, end_ns,
                            series_bar_at(s, open - 1)->close, false);
        } else if (open < series_bars(s) &&
                   series_bar_at(s, open)->end_ns <= c->closed_ns) {
            series_issue(s, c, series_bar(s, open));
        } else {
            break;
        }
    }
    series_drop_old(s, c);
}

void series_finish(struct series *s, const struct series_context *c)
{
    for (unsigned i = series_oldest_open(s); i < series_bars(s); i++) {
        struct bar *open = series_bar(s, i);

        open->flags |= BAR_CLOSED;
        open->flags &= ~(uint32_t)BAR_CHANGED;
        series_tell(c, open, BAR_UNFINISHED);
    }
}

void series_update(struct series *s, const struct series_context *c)
{
    s->cur.flags &= ~(uint32_t)BAR_CHANGED;
    series_tell(c, &s->cur, BAR_UPDATE);
}

uint64_t series_update_due_ms(const struct series *s)
{
    if (!(s->cur.flags & BAR_CHANGED))
        return UINT64_MAX;
    return s->unheard ? s->updated_ms + SERIES_UNHEARD_MS : 0;
}

bool series_newest(const struct series *s, const struct bar *bar, bool open)
{
    if (s->cur.start_ns > bar->start_ns && (open || s->cur.flags & BAR_CLOSED))
        return false;
    for (unsigned i = s->n_kept; i > 0; i--) {
        const struct bar *kept = &s->kept[i - 1];

        if (kept->start_ns <= bar->start_ns)
            break;
        if (open || kept->flags & BAR_CLOSED)
            return false;
    }
    return true;
}

int64_t series_next_close(const struct series *s,
                          const struct series_context *c)
{
    int64_t start_ns, end_ns;
    unsigned open = series_oldest_open(s);

    if (series_next_fill(s, c, open, &start_ns, &end_ns))
        return end_ns;
    return open < series_bars(s) ? series_bar_at(s, open)->end_ns : INT64_MAX;
}

static bool touches(const struct series_loss *loss, int64_t start_ns,
                    int64_t end_ns)
{
    return end_ns > loss->from_ns && start_ns <= loss->to_ns;
}

static void flag_bar(struct series *s, const struct series_context *c,
                     struct bar *bar, uint32_t flag, bool on)
{
    if (((bar->flags & flag) != 0) == on)
        return;
    bar->flags ^= flag;
    bar->flags |= BAR_CHANGED;
    if (bar->flags & BAR_CLOSED && !bar_holds(bar, c->adding_ns))
        series_issue_again(s, c, bar);
}

/* Of a run, the first stretch whose flag is to change; the fill that a trade is
 * about to replace is one by itself. */
static bool find_stretch(const struct series *s, const struct bar *run,
                         const struct series_context *c, uint32_t flag,
                         const struct series_loss *loss, int64_t *from_ns,
                         int64_t *to_ns)
{
    int64_t start_ns, end_ns;
    bool found = false, adding = false;

    for (int64_t at_ns = run->start_ns;
         at_ns < run->end_ns && !(found && adding); at_ns = end_ns) {
        bool changes;

        resolution_bucket(c->resolution, at_ns, &start_ns, &end_ns);
        adding = c->adding_ns >= start_ns && c->adding_ns < end_ns;
        changes = touches(loss, start_ns, end_ns) &&
                  series_correctable(s, c, start_ns, end_ns) &&
                  loss->lost(loss->arg, start_ns, end_ns) !=
                      ((run->flags & flag) != 0);
        if (found && (!changes || adding))
            break;
        if (changes && !found)
            *from_ns = start_ns;
        if (changes)
            *to_ns = end_ns;
        found = changes;
    }
    return found;
}

static void settle(struct bar *bar, int64_t from_ns, int64_t to_ns)
{
    if (!(bar->flags & BAR_HOLE) || bar->end_ns <= from_ns ||
        bar->start_ns > to_ns)
        return;
    bar->flags |= BAR_GAP | BAR_UNSAVED;
}

void series_settle(struct series *s, int64_t from_ns, int64_t to_ns)
{
    for (unsigned i = 0; i < s->n_kept; i++)
        settle(&s->kept[i], from_ns, to_ns);
    settle(&s->cur, from_ns, to_ns);
}

void series_flag(struct series *s, const struct series_context *c,
                 uint32_t flag, const struct series_loss *loss)
{
    /* Carving makes more of them. */
    for (unsigned i = 0; i < series_bars(s); i++) {
        struct bar *bar = series_bar(s, i);
        int64_t from_ns = 0, to_ns = 0;

        if (!touches(loss, bar->start_ns, bar->end_ns) ||
            (bar->flags & BAR_CLOSED &&
             !series_correctable(s, c, bar->start_ns, bar->end_ns)))
            continue;
        if (!(bar->flags & BAR_FILL)) {
            flag_bar(s, c, bar, flag,
                     loss->lost(loss->arg, bar->start_ns, bar->end_ns));
        } else if (find_stretch(s, bar, c, flag, loss, &from_ns, &to_ns)) {
            bar = series_carve(s, c, bar, from_ns, to_ns);
            flag_bar(s, c, bar, flag, !(bar->flags & flag));
            i = series_first_after(s, from_ns);
        }
    }
}

void series_lost(struct series *s, int64_t from_ns)
{
    for (unsigned i = 0; i < s->n_kept; i++)
        if (!(s->kept[i].flags & BAR_CLOSED) && s->kept[i].end_ns > from_ns)
            s->kept[i].flags |= BAR_GAP;
    if (s->cur.end_ns != 0 && !(s->cur.flags & BAR_CLOSED))
        s->cur.flags |= BAR_GAP | BAR_CHANGED;
}

void series_reset(struct series *s, const struct series_context *c)
{
    series_drop(s, s->n_kept, c->note_drops);
    s->cur = (struct bar){0};
    s->fill_until_ns = s->forgotten_ns = 0;
}

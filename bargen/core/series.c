#include "bargen/core/series.h"

#include <stdlib.h>

#include "common/base/bytes.h"

void series_free(struct series *s)
{
    free(s->kept);
    free(s->dropped_ns);
    *s = (struct series){0};
}

static void issue(const struct series_context *c, const struct bar *bar,
                  enum bar_issue how)
{
    c->sink->issue(c->sink->arg, c->symbol, c->resolution, bar, how);
}

static void issue_final(const struct series_context *c, struct bar *bar)
{
    bar->flags |= BAR_CLOSED | BAR_UNSAVED;
    bar->flags &= ~(uint32_t)BAR_CHANGED;
    issue(c, bar, BAR_FINAL);
}

static void note_drop(struct series *s, const struct bar *bar)
{
    if (!(bar->flags & BAR_CLOSED))
        return;
    if (s->n_dropped == s->cap_dropped) {
        s->cap_dropped = s->cap_dropped ? s->cap_dropped * 2 : 8;
        s->dropped_ns =
            mem_grow(s->dropped_ns, s->cap_dropped * sizeof *s->dropped_ns);
    }
    s->dropped_ns[s->n_dropped++] = bar->start_ns;
}

/* The n oldest bars go. */
static void drop(struct series *s, unsigned n, bool note_drops)
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
        drop(s, 1, note_drops);
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

static struct bar *find(struct series *s, int64_t time_ns)
{
    if (bar_holds(&s->cur, time_ns))
        return &s->cur;
    for (unsigned i = s->n_kept; i > 0; i--)
        if (bar_holds(&s->kept[i - 1], time_ns))
            return &s->kept[i - 1];
    return NULL;
}

/* Flags of a bar that is started. */
static uint32_t fresh_flags(const struct series_context *c, int64_t start_ns,
                            int64_t end_ns, bool first)
{
    bool lost = start_ns < c->lost_until_ns && end_ns > c->lost_from_ns;

    return c->flags | (first ? (uint32_t)BAR_PARTIAL : 0u) |
           (lost ? (uint32_t)BAR_GAP : 0u);
}

/* The newest bar changes: everything before it waits in kept. */
static enum series_result start_newest(struct series *s,
                                       const struct series_context *c,
                                       const struct bar_input *in)
{
    bool first = s->cur.end_ns == 0;
    struct bar bar;
    int64_t start_ns, end_ns;

    resolution_bucket(c->resolution, in->key.time_ns, &start_ns, &end_ns);
    bar_start(&bar, start_ns, end_ns, fresh_flags(c, start_ns, end_ns, first),
              in);
    /* Its time was closed by the clock before its first trade came. */
    bar.rev = end_ns <= c->closed_ns;
    if (!first)
        series_keep(s, &s->cur, c->note_drops);
    s->cur = bar;
    s->cur.flags |= BAR_CHANGED;
    return SERIES_STARTED;
}

/* A correction may still make a bar where none was if its time is kept.  Where
 * bars were forgotten it cannot be told that none was. */
static bool reachable(const struct series *s, const struct series_context *c,
                      int64_t start_ns, int64_t end_ns)
{
    if (start_ns < s->forgotten_ns ||
        (s->n_kept == SERIES_KEPT_MAX && start_ns < s->kept[0].start_ns))
        return false;
    return end_ns > c->keep_from_ns ||
           (s->n_kept > 0 && start_ns > s->kept[0].start_ns);
}

/* Before the newest bar, in a stretch where no trade was until now. */
static enum series_result start_older(struct series *s,
                                      const struct series_context *c,
                                      const struct bar_input *in)
{
    const struct bar *oldest = s->n_kept > 0 ? &s->kept[0] : &s->cur;
    struct bar bar, *kept;
    int64_t start_ns, end_ns;
    bool first;

    resolution_bucket(c->resolution, in->key.time_ns, &start_ns, &end_ns);
    if (!reachable(s, c, start_ns, end_ns))
        return SERIES_LATE;
    first = oldest->flags & BAR_PARTIAL && start_ns < oldest->start_ns;
    bar_start(&bar, start_ns, end_ns, fresh_flags(c, start_ns, end_ns, first),
              in);
    kept = series_keep(s, &bar, c->note_drops);
    if (end_ns > c->closed_ns)
        return SERIES_ADDED;
    kept->rev = 1;
    if (end_ns == s->filled_ns)
        s->fill_price = kept->close;
    issue_final(c, kept);
    return SERIES_REVISED;
}

enum series_result series_add(struct series *s, const struct series_context *c,
                              const struct bar_input *in)
{
    struct bar *bar = find(s, in->key.time_ns);

    if (!bar) {
        if (in->key.time_ns >= s->cur.end_ns)
            return start_newest(s, c, in);
        return start_older(s, c, in);
    }
    bar_add(bar, in);
    bar->flags |= BAR_CHANGED;
    if (!(bar->flags & BAR_CLOSED))
        return SERIES_ADDED;
    bar->rev++;
    if (bar->end_ns == s->filled_ns)
        s->fill_price = bar->close;
    issue_final(c, bar);
    return SERIES_REVISED;
}

static struct bar *oldest_open(struct series *s)
{
    for (unsigned i = 0; i < s->n_kept; i++)
        if (!(s->kept[i].flags & BAR_CLOSED))
            return &s->kept[i];
    if (s->cur.end_ns != 0 && !(s->cur.flags & BAR_CLOSED))
        return &s->cur;
    return NULL;
}

/* The next empty stretch to be filled before `open` (may be NULL). */
static bool next_fill(const struct series *s, const struct series_context *c,
                      const struct bar *open, int64_t *start_ns,
                      int64_t *end_ns)
{
    if (!c->fill || s->filled_ns == 0)
        return false;
    resolution_bucket(c->resolution, s->filled_ns, start_ns, end_ns);
    return *end_ns <= s->fill_until_ns && (!open || *start_ns < open->start_ns);
}

static void drop_old(struct series *s, const struct series_context *c)
{
    unsigned closed = (s->cur.flags & BAR_CLOSED) != 0, n = 0;

    for (unsigned i = 0; i < s->n_kept; i++)
        closed += (s->kept[i].flags & BAR_CLOSED) != 0;
    while (n < s->n_kept && closed > SERIES_KEPT_CLOSED &&
           s->kept[n].flags & BAR_CLOSED &&
           s->kept[n].end_ns <= c->keep_from_ns) {
        n++;
        closed--;
    }
    drop(s, n, c->note_drops);
}

void series_close(struct series *s, const struct series_context *c)
{
    int64_t start_ns, end_ns;

    for (;;) {
        struct bar *open = oldest_open(s);

        while (next_fill(s, c, open, &start_ns, &end_ns) &&
               end_ns <= c->closed_ns) {
            struct bar flat = bar_flat(start_ns, end_ns, s->fill_price);

            issue(c, &flat, BAR_FINAL);
            s->filled_ns = end_ns;
        }
        if (!open || open->end_ns > c->closed_ns)
            break;
        issue_final(c, open);
        s->filled_ns = open->end_ns;
        s->fill_until_ns = open->end_ns + NS_PER_DAY;
        s->fill_price = open->close;
    }
    drop_old(s, c);
}

void series_finish(struct series *s, const struct series_context *c)
{
    struct bar *open;

    while ((open = oldest_open(s)) != NULL) {
        open->flags |= BAR_CLOSED;
        open->flags &= ~(uint32_t)BAR_CHANGED;
        issue(c, open, BAR_UNFINISHED);
    }
}

void series_update(struct series *s, const struct series_context *c)
{
    if (!(s->cur.flags & BAR_CHANGED))
        return;
    s->cur.flags &= ~(uint32_t)BAR_CHANGED;
    issue(c, &s->cur, BAR_UPDATE);
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
    const struct bar *open = NULL;

    for (unsigned i = 0; i < s->n_kept && !open; i++)
        if (!(s->kept[i].flags & BAR_CLOSED))
            open = &s->kept[i];
    if (!open && s->cur.end_ns != 0 && !(s->cur.flags & BAR_CLOSED))
        open = &s->cur;
    if (next_fill(s, c, open, &start_ns, &end_ns))
        return end_ns;
    return open ? open->end_ns : INT64_MAX;
}

static void flag_bar(const struct series_context *c, struct bar *bar,
                     uint32_t flag, bool on)
{
    if (((bar->flags & flag) != 0) == on)
        return;
    bar->flags ^= flag;
    bar->flags |= BAR_CHANGED;
    if (!(bar->flags & BAR_CLOSED))
        return;
    bar->rev++;
    issue_final(c, bar);
}

void series_flag(struct series *s, const struct series_context *c,
                 uint32_t flag, int64_t from_ns, int64_t to_ns,
                 bool (*lost)(const void *arg, int64_t start_ns,
                              int64_t end_ns),
                 const void *arg)
{
    for (unsigned i = 0; i < s->n_kept; i++) {
        struct bar *bar = &s->kept[i];

        if (bar->end_ns > from_ns && bar->start_ns <= to_ns)
            flag_bar(c, bar, flag, lost(arg, bar->start_ns, bar->end_ns));
    }
    if (s->cur.end_ns != 0 && s->cur.end_ns > from_ns &&
        s->cur.start_ns <= to_ns)
        flag_bar(c, &s->cur, flag, lost(arg, s->cur.start_ns, s->cur.end_ns));
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
    drop(s, s->n_kept, c->note_drops);
    s->cur = (struct bar){0};
    s->filled_ns = s->fill_until_ns = s->forgotten_ns = 0;
}

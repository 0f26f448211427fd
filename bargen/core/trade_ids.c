#include "bargen/core/trade_ids.h"

#include <stdlib.h>

#include "bargen/core/fingerprint.h"
#include "common/base/bytes.h"

/* One new id on its way in. */
struct entry {
    struct trade_ids *ids;
    const struct trade_ids_now *now;
    struct trade_ids_change *change;
};

static const struct id_hole nothing = {INT64_MAX, INT64_MIN};
static const struct id_hole everything = {INT64_MIN, INT64_MAX};

void trade_ids_init(struct trade_ids *ids)
{
    *ids = (struct trade_ids){.newest_ns = INT64_MIN,
                              .expect_after_ns = INT64_MAX,
                              .passed_ns = INT64_MIN,
                              .due_ns = INT64_MAX};
}

void trade_ids_close(struct trade_ids *ids)
{
    id_ranges_close(&ids->run);
    if (ids->more) {
        id_ranges_close(&ids->more->before);
        id_blocks_close(&ids->more->blocks);
        free(ids->more);
    }
    trade_ids_init(ids);
}

struct trade_ids_more *trade_ids_more(struct trade_ids *ids)
{
    if (!ids->more) {
        ids->more = mem_zero(sizeof *ids->more);
        id_blocks_init(&ids->more->blocks);
        ids->more->before_ns = INT64_MIN;
    }
    return ids->more;
}

static void set_expected(struct trade_ids *ids)
{
    if (!ids->steps.contiguous || (ids->more && ids->more->n_anew > 0))
        ids->expect_after_ns = INT64_MAX;
    else
        ids->expect_after_ns = ids->more ? ids->more->before_ns : INT64_MIN;
}

/* --- what was seen --- */

static bool in_blocks(const struct trade_ids *ids, unsigned kind, uint64_t id)
{
    return ids->more && id_blocks_has(&ids->more->blocks, kind, id);
}

/* Only a hole has ids that were moved out. */
static bool seen(const struct trade_ids *ids, struct id_ranges *r,
                 unsigned kind, int64_t id)
{
    unsigned i = id_ranges_find(r, id);

    if (i == id_ranges_count(r))
        return false;
    return id_ranges_at(r, i)->lo <= id ||
           (id_ranges_at(r, i)->out > 0 && in_blocks(ids, kind, (uint64_t)id));
}

/* The ids above range i - 1 that were moved out are next to it now. */
static void take_in_above(struct trade_ids *ids, struct id_ranges *r,
                          unsigned i, unsigned kind)
{
    struct id_range *below = id_ranges_at(r, i - 1);
    struct id_range *above = id_ranges_at(r, i);

    for (; above->out > 0 && below->hi + 1 < above->lo &&
           in_blocks(ids, kind, (uint64_t)below->hi + 1);
         above->out--)
        below->hi++;
    if (below->hi + 1 == above->lo)
        id_ranges_join(r, i);
}

static void take_in_below(struct trade_ids *ids, struct id_ranges *r,
                          unsigned i, unsigned kind)
{
    struct id_range *below = id_ranges_at(r, i - 1);
    struct id_range *above = id_ranges_at(r, i);

    for (; above->out > 0 && below->hi + 1 < above->lo &&
           in_blocks(ids, kind, (uint64_t)above->lo - 1);
         above->out--)
        above->lo--;
    if (below->hi + 1 == above->lo)
        id_ranges_join(r, i);
}

/* Notes an id that was not seen; i as id_ranges_find(). */
static void put(const struct entry *e, struct id_ranges *r, unsigned i,
                unsigned kind, int64_t id, int64_t time_ns)
{
    struct id_range *above = i < id_ranges_count(r) ? id_ranges_at(r, i) : NULL;
    struct id_range *below = i > 0 ? id_ranges_at(r, i - 1) : NULL;

    if (below && below->hi == id - 1) {
        below->hi = id;
        below->hi_ns = time_ns;
        if (above)
            take_in_above(e->ids, r, i, kind);
    } else if (above && above->lo == id + 1) {
        above->lo = id;
        above->lo_ns = time_ns;
        if (below)
            take_in_below(e->ids, r, i, kind);
    } else if (below && above && above->out > 0) {
        /* Its neighbours may have been moved out: so is this one. */
        id_blocks_add(&trade_ids_more(e->ids)->blocks, kind, (uint64_t)id,
                      e->ids->newest_ns, e->now->window_ns);
        above->out++;
    } else {
        id_ranges_insert(r, i, (struct id_range){id, id, time_ns, time_ns, 0});
    }
}

/* id goes between two ranges of which either may be NULL. */
static void count_steps(struct trade_ids *ids, const struct id_range *below,
                        const struct id_range *above, int64_t id)
{
    bool after = below && below->hi == id - 1;
    bool before = above && above->lo - 1 == id;
    bool out = above && above->out > 0;
    int longs = 0;

    if (!below && !above)
        return;
    /* Beside ids that were moved out nobody knows how long steps are. */
    if (after || before || !out) {
        longs += below && id_steps_long(below->hi, id);
        longs += above && id_steps_long(id, above->lo);
        longs -= below && above && id_steps_long(below->hi, above->lo);
    }
    if (out) {
        after = after || in_blocks(ids, ids->kind, (uint64_t)id - 1);
        before = before || in_blocks(ids, ids->kind, (uint64_t)id + 1);
    }
    id_steps_add(&ids->steps, 1 - after - before, longs);
}

/* --- what is missing --- */

static void find_due(struct trade_ids *ids)
{
    int64_t due_ns = INT64_MAX, before_ns = INT64_MAX;

    if (ids->steps.contiguous) {
        due_ns = id_ranges_due(&ids->run, ids->passed_ns);
        if (ids->more)
            before_ns = id_ranges_due(&ids->more->before, ids->passed_ns);
    }
    ids->due_ns = due_ns < before_ns ? due_ns : before_ns;
}

static void widen(struct id_hole *span, const struct id_hole *by)
{
    span->from_ns = by->from_ns < span->from_ns ? by->from_ns : span->from_ns;
    span->to_ns = by->to_ns > span->to_ns ? by->to_ns : span->to_ns;
}

/* The hole below range i is new, or is about to change: bars that it touches
 * are to be looked at, now or when it is passed. */
static void look_at(const struct entry *e, const struct id_ranges *r,
                    unsigned i, bool is_new)
{
    struct id_hole hole;

    if (!id_ranges_hole(r, i, &hole))
        return;
    if (hole.to_ns <= e->now->closed_ns) {
        widen(&e->change->look, &hole);
        e->change->holes += is_new;
    } else if (is_new && e->ids->steps.contiguous &&
               hole.to_ns < e->ids->due_ns) {
        e->ids->due_ns = hole.to_ns;
    }
}

static void add(const struct entry *e, struct id_ranges *r, unsigned kind,
                int64_t id, int64_t time_ns)
{
    unsigned i = id_ranges_find(r, id), n = id_ranges_count(r);
    const struct id_range *below = i > 0 ? id_ranges_at(r, i - 1) : NULL;
    const struct id_range *above = i < n ? id_ranges_at(r, i) : NULL;
    int64_t below_hi = below ? below->hi : INT64_MAX;
    int64_t above_lo = above ? above->lo : INT64_MIN;

    if (r == &e->ids->run)
        count_steps(e->ids, below, above, id);
    look_at(e, r, i, false);
    put(e, r, i, kind, id, time_ns);
    i = id_ranges_find(r, id);
    if (id_ranges_at(r, i)->lo > id)
        return; /* it was moved out */
    if (id_ranges_at(r, i)->lo > below_hi)
        look_at(e, r, i, true);
    if (id_ranges_at(r, i)->hi < above_lo)
        look_at(e, r, i + 1, true);
}

static void judge_anew(const struct entry *e)
{
    struct trade_ids *ids = e->ids;

    if (id_steps_judge(&ids->steps)) {
        e->change->look = everything;
        find_due(ids);
    }
    set_expected(ids);
}

/* --- too many ranges --- */

struct mover {
    const struct entry *e;
    unsigned kind;
};

static void move_out(void *arg, int64_t id)
{
    const struct mover *m = arg;
    struct trade_ids *ids = m->e->ids;

    id_blocks_add(&trade_ids_more(ids)->blocks, m->kind, (uint64_t)id,
                  ids->newest_ns, m->e->now->window_ns);
}

static void give_up(const struct entry *e, struct id_ranges *r,
                    int64_t until_ns, unsigned n_max)
{
    struct id_hole span;

    if (id_ranges_merge(r, until_ns, n_max, &span))
        widen(&e->change->settle, &span);
}

static void thin(const struct entry *e, struct id_ranges *r, unsigned kind)
{
    struct trade_ids *ids = e->ids;
    unsigned max =
        ids->steps.contiguous ? TRADE_IDS_RANGES_MAX : TRADE_IDS_SCATTERED_MAX;
    struct mover mover = {e, kind};

    if (id_ranges_count(r) <= max)
        return;
    if (ids->steps.contiguous && ids->newest_ns > INT64_MIN + e->now->window_ns)
        give_up(e, r, ids->newest_ns - e->now->window_ns, max / 2);
    if (id_ranges_count(r) > max / 4 * 3) {
        id_ranges_move_out(r, move_out, &mover);
        e->change->look = everything;
    }
    if (id_ranges_count(r) > max)
        give_up(e, r, INT64_MAX, max / 2);
    find_due(ids);
}

/* --- numbers that are used anew --- */

/* They were no new numbering: this one goes on. */
static void dismiss_anew(const struct entry *e)
{
    struct trade_ids *ids = e->ids;
    struct trade_ids_more *m = ids->more;

    for (unsigned i = 0; i < m->n_anew; i++) {
        const struct trade_ids_anew *a = &m->anew[i];

        if (a->time_ns > ids->newest_ns)
            ids->newest_ns = a->time_ns;
        if (!seen(ids, &ids->run, ids->kind, a->id))
            add(e, &ids->run, ids->kind, a->id, a->time_ns);
    }
    m->n_anew = 0;
}

static void start_anew(const struct entry *e)
{
    struct trade_ids *ids = e->ids;
    struct trade_ids_more *m = ids->more;

    if (m->before.any) {
        e->change->settle = everything;
        id_ranges_close(&m->before);
        id_blocks_clear(&m->blocks, ids->kind ^ 1);
    }
    m->before = ids->run;
    m->before_ns = ids->newest_ns;
    ids->run = (struct id_ranges){.any = false};
    ids->kind ^= 1;
    dismiss_anew(e);
    find_due(ids);
}

static bool take_anew(const struct entry *e, int64_t id, int64_t time_ns)
{
    struct trade_ids_more *m = trade_ids_more(e->ids);
    int64_t newest_ns = INT64_MIN;
    bool again = false;

    for (unsigned i = 0; i < m->n_anew; i++) {
        again |= m->anew[i].id == id;
        if (m->anew[i].time_ns > newest_ns)
            newest_ns = m->anew[i].time_ns;
    }
    if (again && time_ns <= newest_ns)
        return false;
    m->anew[m->n_anew++] = (struct trade_ids_anew){id, time_ns};
    if (m->n_anew == TRADE_IDS_ANEW_MAX)
        start_anew(e);
    return true;
}

/* A number that was not seen, because the old numbering lost it, but follows
 * those that are used anew. */
static bool goes_on_anew(const struct trade_ids *ids, int64_t id,
                         int64_t time_ns)
{
    const struct trade_ids_more *m = ids->more;
    const struct trade_ids_anew *last;

    if (!m || m->n_anew == 0 || id > ids->run.top.hi)
        return false;
    last = &m->anew[m->n_anew - 1];
    return time_ns >= last->time_ns && id > last->id &&
           id - last->id <= ID_STEPS_LONG;
}

static bool take_number(const struct entry *e, int64_t id, int64_t time_ns)
{
    struct trade_ids *ids = e->ids;
    struct trade_ids_more *m = ids->more;

    if (m && m->before.any && time_ns <= m->before_ns) {
        if (seen(ids, &m->before, ids->kind ^ 1, id))
            return false;
        add(e, &m->before, ids->kind ^ 1, id, time_ns);
        thin(e, &m->before, ids->kind ^ 1);
        return true;
    }
    if (seen(ids, &ids->run, ids->kind, id))
        return time_ns > ids->newest_ns && take_anew(e, id, time_ns);
    if (goes_on_anew(ids, id, time_ns))
        return take_anew(e, id, time_ns);
    if (m && m->n_anew > 0 && time_ns > ids->newest_ns)
        dismiss_anew(e);
    if (time_ns > ids->newest_ns)
        ids->newest_ns = time_ns;
    add(e, &ids->run, ids->kind, id, time_ns);
    thin(e, &ids->run, ids->kind);
    return true;
}

bool trade_ids_take(struct trade_ids *ids, int64_t id, struct span text,
                    int64_t time_ns, const struct trade_ids_now *now,
                    struct trade_ids_change *change)
{
    struct entry e = {ids, now, change};
    uint64_t forgotten = ids->more ? ids->more->blocks.forgotten : 0;
    bool is_new;

    *change = (struct trade_ids_change){.look = nothing, .settle = nothing};
    /* It goes back where bars of quotes end and those of trades begin. */
    ids->passed_ns = now->closed_ns;
    if (id < 0) {
        is_new = id_blocks_add(&trade_ids_more(ids)->blocks, ID_TEXT,
                               fingerprint_make(text), time_ns, now->window_ns);
    } else {
        is_new = take_number(&e, id, time_ns);
        if (is_new)
            judge_anew(&e);
    }
    if (ids->more)
        change->forgotten = ids->more->blocks.forgotten - forgotten;
    return is_new;
}

void trade_ids_pass(struct trade_ids *ids, int64_t closed_ns,
                    void (*lost)(void *arg, const struct id_hole *hole),
                    void *arg)
{
    if (ids->steps.contiguous) {
        id_ranges_pass(&ids->run, ids->passed_ns, closed_ns, lost, arg);
        if (ids->more)
            id_ranges_pass(&ids->more->before, ids->passed_ns, closed_ns, lost,
                           arg);
    }
    ids->passed_ns = closed_ns;
    find_due(ids);
}

bool trade_ids_lost_in(const struct trade_ids *ids, int64_t closed_ns,
                       int64_t start_ns, int64_t end_ns)
{
    if (!ids->steps.contiguous)
        return false;
    return id_ranges_touch(&ids->run, closed_ns, start_ns, end_ns) ||
           (ids->more &&
            id_ranges_touch(&ids->more->before, closed_ns, start_ns, end_ns));
}

bool trade_ids_restore(struct id_ranges *r, const struct id_range *range)
{
    unsigned n = id_ranges_count(r);

    if (range->lo < 0 || range->hi < range->lo || range->out < 0 ||
        n == TRADE_IDS_RANGES_MAX || (r->any && range->lo <= r->top.hi) ||
        (range->out > 0 && (!r->any || range->lo - r->top.hi <= range->out)))
        return false;
    id_ranges_insert(r, n, *range);
    return true;
}

void trade_ids_restored(struct trade_ids *ids, int64_t closed_ns)
{
    ids->passed_ns = closed_ns;
    ids->steps.contiguous &= ids->run.any;
    find_due(ids);
    set_expected(ids);
}

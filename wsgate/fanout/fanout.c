#include "wsgate/fanout/fanout.h"

#include <errno.h>
#include <stdlib.h>

#include "common/base/bytes.h"
#include "wsgate/fanout/backlog.h"
#include "wsgate/fanout/bar_order.h"
#include "wsgate/fanout/hearing.h"

/* Above so many ranges it is cheaper to copy them together once than to let the
 * kernel walk the list for every member: measured with 100 ranges and 100
 * members, a fifth of all CPU time. */
enum { GATHER_RANGES = 3 };

/* A turn is flushed early when its frames would take more than this share of
 * the log: until it is flushed, nothing may overwrite them. */
enum { TURNS_PER_LOG = 4 };

static void on_evict(void *arg, uint64_t number, const struct frame *fr)
{
    struct fanout *f = arg;
    struct stream *s = f->streams[fr->stream];

    if (!s || number < s->born)
        return;
    stream_evict(s, number, fr, framelog_bytes(&f->log, fr));
    stream_list_put(&f->evicted, s);
}

void fanout_init(struct fanout *f, size_t log_size,
                 const struct fanout_limits *limits, const struct fanout_io *io)
{
    memset(f, 0, sizeof *f);
    framelog_init(&f->log, log_size, on_evict, f);
    table_init(&f->groups, group_equal);
    bytes_init(&f->gathered);
    f->limits = *limits;
    f->io = io;
}

void fanout_close(struct fanout *f)
{
    framelog_close(&f->log);
    logged_close(&f->logged);
    table_close(&f->groups);
    free(f->streams);
    free(f->spoken);
    free(f->patterns);
    free(f->free_ids);
    free(f->marks);
    free(f->pending.at);
    free(f->recent.at);
    free(f->evicted_ids.at);
    for (uint32_t i = 0; i < f->n_pins; i++)
        buf_unref(f->pins[i].buf);
    free(f->pins);
    bytes_close(&f->gathered);
    memset(f, 0, sizeof *f);
}

/* --- groups --- */

static struct group *group_of(struct fanout *f, const uint64_t *keys,
                              uint32_t n)
{
    struct node *node;
    struct group *g;

    if (n == 0)
        return NULL;
    node = table_find(&f->groups, group_key(keys, n));
    if (node)
        return (struct group *)node;
    g = group_new(f, keys, n);
    table_add(&f->groups, &g->node, group_key(g->keys, n));
    return g;
}

static void drop_if_empty(struct fanout *f, struct group *g)
{
    if (!g || g->fast.count + g->slow.count > 0)
        return;
    table_remove(&f->groups, &g->node);
    group_free(f, g);
}

/* --- a turn --- */

void fanout_lose(struct fanout *f, struct member *m, enum fanout_lost why,
                 int errnum)
{
    if (why == FANOUT_LOST_SLOW && m->backlog && m->group) {
        uint64_t owed = backlog_owed(m);
        f->counters.dropped_slow += owed;
        m->backlog->frames += owed;
    }
    f->io->lost(m, why, errnum);
    fanout_leave(f, m);
}

/* Members of `all` streams that wait too far behind are let go even if their
 * socket never becomes writable again. */
static void lose_slow(struct fanout *f, struct group *g)
{
    for (uint32_t i = g->slow.count; i-- > 0;) {
        if (i < g->slow.count && backlog_is_too_long(f, g->slow.at[i]))
            fanout_lose(f, g->slow.at[i], FANOUT_LOST_SLOW, 0);
    }
}

/* The ranges of the turn as one. */
static struct iovec gather(struct fanout *f, const struct group *g)
{
    bytes_clear(&f->gathered);
    for (uint32_t i = 0; i < g->n_iov; i++)
        bytes_add(&f->gathered, g->iov[i].iov_base, g->iov[i].iov_len);
    return (struct iovec){.iov_base = f->gathered.ptr,
                          .iov_len = f->gathered.len};
}

static void flush_group(struct fanout *f, struct group *g)
{
    uint32_t n = g->turn_frames;
    uint64_t bytes = g->turn_bytes, all_bytes = g->turn_all_bytes;
    uint64_t whole = 0, taken = 0, sends = g->fast.count;
    struct iovec one;
    const struct iovec *iov = g->iov;
    uint32_t n_iov = g->n_iov;

    if (n == 0)
        return;
    g->frames += n;
    g->bytes += bytes;
    g->all_bytes += all_bytes;
    f->counters.expected += (uint64_t)n * (g->fast.count + g->slow.count);
    if (n_iov >= GATHER_RANGES && sends > 0) {
        one = gather(f, g);
        iov = &one;
        n_iov = 1;
    }
    /* Downwards: who leaves the list is replaced by one that was served. */
    for (uint32_t i = g->fast.count; i-- > 0;) {
        struct member *m = g->fast.at[i];
        ssize_t sent = f->io->send(m, iov, n_iov);
        if (sent == (ssize_t)bytes) {
            whole++;
        } else if (sent >= 0 || sent == -EAGAIN) {
            taken += sent < 0 ? 0 : (uint64_t)sent;
            backlog_begin_turn(f, m, sent < 0 ? 0 : (uint64_t)sent);
            f->io->want_writable(m, true);
        } else {
            f->counters.dropped_closed += n;
            fanout_lose(f, m, FANOUT_LOST_SOCKET, (int)-sent);
        }
    }
    f->counters.delivered += whole * n;
    f->counters.bytes += whole * bytes + taken;
    f->counters.sends += sends;
    if (all_bytes > 0)
        lose_slow(f, g);
    group_turn_done(g);
}

void fanout_flush(struct fanout *f)
{
    while (f->dirty) {
        struct group *g = f->dirty;
        f->dirty = g->next_dirty;
        g->dirty = false;
        flush_group(f, g);
        drop_if_empty(f, g);
    }
    f->turn_bytes = 0;
    f->turn_frames = 0;
}

char *fanout_room(struct fanout *f, size_t max)
{
    if (f->turn_bytes + max > f->log.size / TURNS_PER_LOG ||
        f->turn_frames >= f->log.n_frames / TURNS_PER_LOG)
        fanout_flush(f);
    return framelog_reserve(&f->log, max);
}

/* A frame on its way to the groups that hear it. */
struct push {
    struct fanout *fanout;
    uint64_t number;
    const char *ptr;
    size_t len;
};

static inline void push(void *arg, struct group *g, bool all)
{
    const struct push *p = arg;
    struct fanout *f = p->fanout;

    if (!group_push(g, p->number, p->ptr, p->len, all)) {
        flush_group(f, g);
        (void)group_push(g, p->number, p->ptr, p->len, all);
    }
    if (!g->dirty) {
        g->dirty = true;
        g->next_dirty = f->dirty;
        f->dirty = g;
    }
}

uint64_t fanout_add(struct fanout *f, struct stream *s, uint16_t type,
                    int64_t part, size_t len, size_t data_at, size_t data_len)
{
    struct push p = {.fanout = f, .len = len};
    uint16_t key;

    hearing_look(f, s);
    key = stream_key(s, type, part, &f->counters.symbols_forgotten);
    p.number = framelog_commit(&f->log, len,
                               (struct frame){.stream = s->id,
                                              .key = key,
                                              .data_at = (uint16_t)data_at,
                                              .data_len = (uint32_t)data_len});
    p.ptr = framelog_bytes(&f->log, framelog_at(&f->log, p.number));
    f->spoken[s->id] = s->root == s;
    logged_note(&f->logged, s, p.number, f->log.tail);
    stream_set(s, key, p.number);
    bar_order_note(f, s, part, p.number);
    f->turn_bytes += len;
    f->turn_frames++;
    if (s->n_covers > 0) {
        hearing_each(f, s, push, &p);
        return p.number;
    }
    for (uint32_t i = 0; i < s->links.n; i++)
        push(&p, s->links.at[i].group, s->links.at[i].all);
    return p.number;
}

/* --- members --- */

static void move(struct fanout *f, struct member *m, struct group *to)
{
    struct group *old = m->group;

    if (m->backlog)
        backlog_move(f, m, to);
    if (old)
        members_remove(m->backlog ? &old->slow : &old->fast, m);
    m->group = to;
    if (to)
        members_add(m->backlog ? &to->slow : &to->fast, m);
    /* While a flush is on its list, an empty group is dropped there. */
    if (old && !old->dirty && old->turn_frames == 0)
        drop_if_empty(f, old);
}

void fanout_subscribe(struct fanout *f, struct member *m, const uint64_t *keys,
                      uint32_t n_keys)
{
    bool had = m->group != NULL;
    struct group *to;

    fanout_flush(f);
    if (had && !m->group)
        return; /* lost in that flush: it belongs nowhere any more */
    to = group_of(f, keys, n_keys);
    if (to != m->group)
        move(f, m, to);
}

void fanout_leave(struct fanout *f, struct member *m)
{
    if (m->backlog)
        m->backlog->held = false;
    if (m->group)
        move(f, m, NULL);
}

void fanout_forget(struct fanout *f, struct member *m)
{
    fanout_leave(f, m);
    backlog_free(m->backlog);
    m->backlog = NULL;
}

static bool is_full(const struct fanout *f, const struct member *m)
{
    return m->backlog && backlog_unsent(m->backlog) >= f->limits.out_bytes;
}

void fanout_send(struct fanout *f, struct member *m, struct span frames)
{
    if (is_full(f, m))
        fanout_lose(f, m, FANOUT_LOST_ANSWERS, 0);
    else
        fanout_notify(f, m, frames);
}

void fanout_notify(struct fanout *f, struct member *m, struct span frames)
{
    struct iovec iov = {.iov_base = (void *)(uintptr_t)frames.ptr,
                        .iov_len = frames.len};
    size_t sent = 0;

    if (!m->backlog) {
        ssize_t n = f->io->send(m, &iov, 1);
        f->counters.sends++;
        if (n < 0 && n != -EAGAIN) {
            fanout_lose(f, m, FANOUT_LOST_SOCKET, (int)-n);
            return;
        }
        sent = n < 0 ? 0 : (size_t)n;
        f->counters.bytes += sent;
        if (sent == frames.len)
            return;
        backlog_new(f, m);
        f->io->want_writable(m, true);
    }
    backlog_add(m, span_make(frames.ptr + sent, frames.len - sent));
}

void fanout_resume(struct fanout *f, struct member *m)
{
    int errnum = 0;

    if (m->group && m->group->turn_frames > 0)
        fanout_flush(f);
    switch (m->backlog ? backlog_send(f, m, &errnum) : BACKLOG_DONE) {
    case BACKLOG_WAITS:
        return;
    case BACKLOG_LOST:
        fanout_lose(f, m, FANOUT_LOST_SOCKET, errnum);
        return;
    case BACKLOG_TOO_OLD:
        fanout_lose(f, m, FANOUT_LOST_SLOW, 0);
        return;
    case BACKLOG_DONE:
        break;
    }
    if (m->backlog) {
        f->counters.conflated += backlog_owed(m);
        backlog_end(m);
    }
    f->io->want_writable(m, false);
}

void fanout_hold(struct fanout *f, struct member *m)
{
    if (!m->backlog)
        backlog_new(f, m);
    m->backlog->held = true;
    f->io->want_writable(m, true);
}

void fanout_release(struct fanout *f, struct member *m)
{
    if (!m->backlog || !m->backlog->held)
        return;
    m->backlog->held = false;
    fanout_resume(f, m);
}

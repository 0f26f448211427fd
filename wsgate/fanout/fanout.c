#include "wsgate/fanout/fanout.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "common/base/bytes.h"
#include "wsgate/fanout/backlog.h"

/* Above so many ranges it is cheaper to copy them together once than to let the
 * kernel walk the list for every member: measured with 100 ranges and 100
 * members, a fifth of all CPU time. */
enum { GATHER_RANGES = 3 };

/* A turn is flushed early when its frames would take more than this share of
 * the log: until it is flushed, nothing may overwrite them. */
enum { TURNS_PER_LOG = 4 };

static void on_evict(void *arg, uint64_t number, const struct frame *fr)
{
    struct fan *f = arg;
    struct channel *c = f->channels[fr->channel];

    if (c && number >= c->born)
        channel_evict(c, number, fr, framelog_bytes(&f->log, fr));
}

void fan_init(struct fan *f, size_t log_size, const struct fan_limits *limits,
              const struct fan_io *io)
{
    memset(f, 0, sizeof *f);
    framelog_init(&f->log, log_size, on_evict, f);
    table_init(&f->groups, group_equal);
    bytes_init(&f->gathered);
    f->limits = *limits;
    f->io = io;
}

void fan_close(struct fan *f)
{
    framelog_close(&f->log);
    table_close(&f->groups);
    free(f->channels);
    free(f->patterns);
    free(f->free_ids);
    free(f->marks);
    free(f->dues.at);
    for (uint32_t i = 0; i < f->n_pins; i++)
        buf_unref(f->pins[i].buf);
    free(f->pins);
    bytes_close(&f->gathered);
    memset(f, 0, sizeof *f);
}

/* --- channels and patterns --- */

void fan_add_channel(struct fan *f, struct channel *c,
                     const struct channel *root)
{
    uint32_t id;

    if (f->n_free_ids > 0) {
        id = f->free_ids[--f->n_free_ids];
    } else {
        if ((f->n_channels & (f->n_channels - 1)) == 0) {
            size_t cap = f->n_channels == 0 ? 1 : f->n_channels * 2u;
            f->channels = mem_grow(f->channels, cap * sizeof *f->channels);
        }
        id = f->n_channels++;
    }
    f->channels[id] = c;
    channel_init(c, id, f->log.head, root);
}

void fan_remove_channel(struct fan *f, struct channel *c)
{
    for (uint32_t i = 0; c->covered > 0 && i < f->n_patterns; i++) {
        struct pattern *p = f->patterns[i];
        for (uint32_t k = 0; p && k < p->n_channels; k++) {
            if (p->channels[k] == c)
                p->channels[k--] = p->channels[--p->n_channels];
        }
    }
    group_unlink_channel(c);
    f->channels[c->id] = NULL;
    if (f->n_free_ids == f->cap_free_ids) {
        f->cap_free_ids = f->cap_free_ids == 0 ? 16 : f->cap_free_ids * 2;
        f->free_ids =
            mem_grow(f->free_ids, f->cap_free_ids * sizeof *f->free_ids);
    }
    f->free_ids[f->n_free_ids++] = c->id;
    channel_close(c);
}

void fan_add_pattern(struct fan *f, struct pattern *p)
{
    uint32_t id = 0;

    while (id < f->n_patterns && f->patterns[id])
        id++;
    if (id == f->n_patterns) {
        f->patterns = mem_grow(f->patterns, (id + 1u) * sizeof *f->patterns);
        f->n_patterns++;
    }
    f->patterns[id] = p;
    *p = (struct pattern){.id = id | TOPIC_PATTERN};
}

void fan_remove_pattern(struct fan *f, struct pattern *p)
{
    assert(p->n_groups == 0);
    for (uint32_t i = 0; i < p->n_channels; i++)
        p->channels[i]->covered--;
    f->patterns[p->id & ~TOPIC_PATTERN] = NULL;
    free(p->groups);
    free(p->channels);
    *p = (struct pattern){0};
}

void fan_cover(struct fan *f, struct pattern *p, struct channel *c)
{
    (void)f;
    if (p->n_channels == p->cap_channels) {
        p->cap_channels = p->cap_channels == 0 ? 4 : p->cap_channels * 2;
        p->channels =
            mem_grow(p->channels, p->cap_channels * sizeof *p->channels);
    }
    p->channels[p->n_channels++] = c;
    c->covered++;
    for (uint32_t i = 0; i < p->n_groups; i++) {
        struct link *l = &p->groups[i];
        if (!group_names(l->group, c->root))
            group_link(l->group, c, sub_key(p->id, l->all));
    }
}

/* --- groups --- */

static void link_pattern(struct group *g, struct pattern *p, uint64_t key)
{
    if (p->n_groups == p->cap_groups) {
        p->cap_groups = p->cap_groups == 0 ? 1 : p->cap_groups * 2;
        p->groups = mem_grow(p->groups, p->cap_groups * sizeof *p->groups);
    }
    p->groups[p->n_groups++] = (struct link){.group = g, .all = sub_all(key)};
    for (uint32_t i = 0; i < p->n_channels; i++) {
        if (!group_names(g, p->channels[i]->root))
            group_link(g, p->channels[i], key);
    }
}

static void unlink_pattern(struct group *g, struct pattern *p)
{
    for (uint32_t i = 0; i < p->n_groups; i++) {
        if (p->groups[i].group == g)
            p->groups[i--] = p->groups[--p->n_groups];
    }
}

static struct group *group_of(struct fan *f, const uint64_t *keys, uint32_t n)
{
    struct node *node;
    struct group *g;

    if (n == 0)
        return NULL;
    node = table_find(&f->groups, group_key(keys, n));
    if (node)
        return (struct group *)node;
    g = group_new(keys, n);
    table_add(&f->groups, &g->node, group_key(g->keys, n));
    /* Names first: patterns skip what is named.  Patterns sort last. */
    for (uint32_t i = 0; i < n; i++) {
        uint32_t topic = sub_topic(keys[i]);
        if (topic & TOPIC_PATTERN)
            link_pattern(g, f->patterns[topic & ~TOPIC_PATTERN], keys[i]);
        else
            group_link(g, f->channels[topic], keys[i]);
    }
    return g;
}

static void drop_if_empty(struct fan *f, struct group *g)
{
    if (!g || g->fast.count + g->slow.count > 0)
        return;
    for (uint32_t i = 0; i < g->n_keys; i++) {
        uint32_t topic = sub_topic(g->keys[i]);
        if (topic & TOPIC_PATTERN)
            unlink_pattern(g, f->patterns[topic & ~TOPIC_PATTERN]);
    }
    table_remove(&f->groups, &g->node);
    group_free(g);
}

/* --- a turn --- */

void fan_lose(struct fan *f, struct member *m, enum fan_lost why, int errnum)
{
    if (why == FAN_LOST_SLOW && m->lag && m->group) {
        uint64_t owed = lag_owed(m);
        f->counters.dropped_slow += owed;
        m->lag->frames += owed;
    }
    f->io->lost(m, why, errnum);
    fan_leave(f, m);
}

/* Members of `all` channels that wait too far behind are let go even if their
 * socket never becomes writable again. */
static void lose_slow(struct fan *f, struct group *g)
{
    for (uint32_t i = g->slow.count; i-- > 0;) {
        if (i < g->slow.count &&
            lag_owed_all_bytes(g->slow.at[i]) > f->limits.backlog_all_bytes)
            fan_lose(f, g->slow.at[i], FAN_LOST_SLOW, 0);
    }
}

/* The ranges of the turn as one. */
static struct iovec gather(struct fan *f, const struct group *g)
{
    bytes_clear(&f->gathered);
    for (uint32_t i = 0; i < g->n_iov; i++)
        bytes_add(&f->gathered, g->iov[i].iov_base, g->iov[i].iov_len);
    return (struct iovec){.iov_base = f->gathered.ptr,
                          .iov_len = f->gathered.len};
}

static void flush_group(struct fan *f, struct group *g)
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
            lag_begin_turn(f, m, sent < 0 ? 0 : (uint64_t)sent);
        } else {
            f->counters.dropped_closed += n;
            fan_lose(f, m, FAN_LOST_SOCKET, (int)-sent);
        }
    }
    f->counters.delivered += whole * n;
    f->counters.bytes += whole * bytes + taken;
    f->counters.sends += sends;
    if (all_bytes > 0)
        lose_slow(f, g);
    group_turn_done(g);
}

void fan_flush(struct fan *f)
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

char *fan_room(struct fan *f, size_t max)
{
    if (f->turn_bytes + max > f->log.size / TURNS_PER_LOG ||
        f->turn_frames >= f->log.n_frames / TURNS_PER_LOG)
        fan_flush(f);
    return framelog_reserve(&f->log, max);
}

uint64_t fan_add(struct fan *f, struct channel *c, uint16_t type, int64_t key,
                 size_t len, size_t data_at, size_t data_len)
{
    uint16_t slot = channel_slot(c, type, key);
    uint64_t number =
        framelog_commit(&f->log, len,
                        (struct frame){.channel = c->id,
                                       .slot = slot,
                                       .data_at = (uint16_t)data_at,
                                       .data_len = (uint32_t)data_len});
    const char *ptr = framelog_bytes(&f->log, framelog_at(&f->log, number));

    channel_set(c, slot, number);
    f->turn_bytes += len;
    f->turn_frames++;
    for (uint32_t i = 0; i < c->n_links; i++) {
        struct group *g = c->links[i].group;
        if (!group_push(g, number, ptr, len, c->links[i].all)) {
            flush_group(f, g);
            (void)group_push(g, number, ptr, len, c->links[i].all);
        }
        if (!g->dirty) {
            g->dirty = true;
            g->next_dirty = f->dirty;
            f->dirty = g;
        }
    }
    return number;
}

/* --- members --- */

static void move(struct fan *f, struct member *m, struct group *to)
{
    struct group *old = m->group;

    if (m->lag)
        lag_move(f, m, to);
    if (old)
        members_remove(m->lag ? &old->slow : &old->fast, m);
    m->group = to;
    if (to)
        members_add(m->lag ? &to->slow : &to->fast, m);
    /* While a flush is on its list, an empty group is dropped there. */
    if (old && !old->dirty && old->turn_frames == 0)
        drop_if_empty(f, old);
}

void fan_subscribe(struct fan *f, struct member *m, const uint64_t *keys,
                   uint32_t n_keys)
{
    bool had = m->group != NULL;
    struct group *to;

    fan_flush(f);
    if (had && !m->group)
        return; /* lost in that flush: it belongs nowhere any more */
    to = group_of(f, keys, n_keys);
    if (to != m->group)
        move(f, m, to);
}

void fan_leave(struct fan *f, struct member *m)
{
    if (m->group)
        move(f, m, NULL);
}

void fan_forget(struct fan *f, struct member *m)
{
    fan_leave(f, m);
    lag_free(m->lag);
    m->lag = NULL;
}

void fan_say(struct fan *f, struct member *m, struct span frames)
{
    struct iovec iov = {.iov_base = (void *)(uintptr_t)frames.ptr,
                        .iov_len = frames.len};
    size_t sent = 0;

    if (!m->lag) {
        ssize_t n = f->io->send(m, &iov, 1);
        f->counters.sends++;
        if (n < 0 && n != -EAGAIN) {
            fan_lose(f, m, FAN_LOST_SOCKET, (int)-n);
            return;
        }
        sent = n < 0 ? 0 : (size_t)n;
        f->counters.bytes += sent;
        if (sent == frames.len)
            return;
        lag_new(f, m);
        f->io->want_writable(m, true);
    }
    if (m->lag->out.len + (frames.len - sent) > f->limits.out_bytes)
        fan_lose(f, m, FAN_LOST_ANSWERS, 0);
    else
        bytes_add(&m->lag->out, frames.ptr + sent, frames.len - sent);
}

bool fan_is_drained(const struct member *m)
{
    return !m->lag || (m->lag->out.len == 0 && m->lag->cut == 0);
}

static void count_queued(void *arg, struct node *n)
{
    struct group *g = (struct group *)n;

    for (uint32_t i = 0; i < g->slow.count; i++)
        *(uint64_t *)arg += lag_owed(g->slow.at[i]);
}

uint64_t fan_queued(const struct fan *f)
{
    uint64_t queued = 0;

    table_each(&f->groups, count_queued, &queued);
    return queued;
}

static void count_slow(void *arg, struct node *n)
{
    *(uint32_t *)arg += ((struct group *)n)->slow.count;
}

uint32_t fan_slow_count(const struct fan *f)
{
    uint32_t slow = 0;

    table_each(&f->groups, count_slow, &slow);
    return slow;
}

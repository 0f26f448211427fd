#include "wsgate/fanout/backlog.h"

#include <errno.h>
#include <stdlib.h>

#include "wsgate/fanout/conflation.h"

enum { BATCH_IOV = 256 };

struct lag *lag_new(struct fan *f, struct member *m)
{
    struct lag *lag = mem_zero(sizeof *lag);
    struct group *g = m->group;

    bytes_init(&lag->out);
    lag->next = f->log.head;
    if (g) {
        if (g->turn_frames > 0)
            lag->next = g->turn_first; /* collected, not yet sent */
        lag->frames = g->frames;
        lag->bytes = g->bytes;
        lag->all_bytes = g->all_bytes;
        members_remove(&g->fast, m);
        members_add(&g->slow, m);
    }
    m->lag = lag;
    return lag;
}

void lag_free(struct lag *lag)
{
    if (!lag)
        return;
    buf_unref(lag->cut);
    bytes_close(&lag->out);
    free(lag->floors);
    free(lag);
}

void lag_end(struct member *m)
{
    struct group *g = m->group;

    if (g) {
        members_remove(&g->slow, m);
        members_add(&g->fast, m);
    }
    lag_free(m->lag);
    m->lag = NULL;
}

uint64_t lag_owed(const struct member *m)
{
    return !m->lag || !m->group ? 0 : m->group->frames - m->lag->frames;
}

uint64_t lag_owed_bytes(const struct member *m)
{
    return !m->lag || !m->group ? 0 : m->group->bytes - m->lag->bytes;
}

uint64_t lag_owed_all_bytes(const struct member *m)
{
    uint64_t owed;

    if (!m->lag || !m->group)
        return 0;
    /* The lag's total is below zero where the group is younger. */
    owed = m->group->all_bytes - m->lag->all_bytes;
    return owed > INT64_MAX ? 0 : owed;
}

static int by_topic(const void *a, const void *b)
{
    uint32_t x = ((const struct floor *)a)->topic,
             y = ((const struct floor *)b)->topic;

    return (x > y) - (x < y);
}

const struct floor *lag_floor(const struct lag *lag, uint32_t topic)
{
    struct floor key = {.topic = topic};

    if (!lag || lag->n_floors == 0)
        return NULL;
    return bsearch(&key, lag->floors, lag->n_floors, sizeof key, by_topic);
}

static int by_key_topic(const void *topic, const void *key)
{
    uint32_t x = *(const uint32_t *)topic,
             y = sub_topic(*(const uint64_t *)key);

    return (x > y) - (x < y);
}

static const uint64_t *key_of(const struct group *g, uint32_t topic)
{
    return bsearch(&topic, g->keys, g->n_keys, sizeof *g->keys, by_key_topic);
}

static bool has_topic(const struct group *g, uint32_t topic)
{
    return key_of(g, topic) != NULL;
}

static bool has_all(const struct group *g)
{
    for (uint32_t i = 0; i < g->n_keys; i++) {
        if (sub_all(g->keys[i]))
            return true;
    }
    return false;
}

/* Is this name, which `to` does not have, covered by one of its patterns? */
static bool covered(const struct fan *f, const struct group *to, uint32_t topic)
{
    const struct channel *c = topic & TOPIC_PATTERN ? NULL : f->channels[topic];

    for (uint32_t i = 0; c && i < c->n_links; i++) {
        if (c->links[i].group == to)
            return !has_topic(to, topic);
    }
    return false;
}

/*
 * Topics that are new start at the head of the log; the others where they did.
 * One that becomes `all` is new: of what was owed as `latest`, some may be gone.
 * A name that was given up while a pattern still covers that channel keeps its
 * floor: the channel goes on exactly where it was.
 */
static void set_floors(const struct fan *f, struct lag *lag,
                       const struct group *old, const struct group *to)
{
    size_t room = to->n_keys + old->n_keys + lag->n_floors;
    struct floor *floors = mem_alloc(room * sizeof *floors);
    uint32_t n = 0;

    for (uint32_t i = 0; i < to->n_keys; i++) {
        uint32_t topic = sub_topic(to->keys[i]);
        const struct floor *was = lag_floor(lag, topic);
        const uint64_t *had = key_of(old, topic);
        if (!had || (sub_all(to->keys[i]) && !sub_all(*had)))
            floors[n++] = (struct floor){.topic = topic, .from = f->log.head};
        else if (was)
            floors[n++] = *was;
    }
    for (uint32_t i = 0; i < old->n_keys && n < LAG_FLOORS_MAX; i++) {
        uint32_t topic = sub_topic(old->keys[i]);
        const struct floor *was = lag_floor(lag, topic);
        if (covered(f, to, topic))
            floors[n++] = was ? *was : (struct floor){.topic = topic};
    }
    for (uint32_t i = 0; i < lag->n_floors && n < LAG_FLOORS_MAX; i++) {
        uint32_t topic = lag->floors[i].topic;
        if (covered(f, to, topic) && !has_topic(old, topic))
            floors[n++] = lag->floors[i];
    }
    qsort(floors, n, sizeof *floors, by_topic);
    free(lag->floors);
    lag->floors = floors;
    lag->n_floors = n;
}

/* Bytes of `all` channels that m will be sent as a member of g. */
static uint64_t count_all_bytes(struct fan *f, const struct group *g,
                                const struct lag *lag)
{
    uint64_t bytes = 0;

    conflation_everything(f, g, lag, lag->next, &f->dues);
    for (size_t i = 0; i < f->dues.count; i++) {
        if (f->dues.at[i].all)
            bytes += f->dues.at[i].len;
    }
    return bytes;
}

void lag_move(struct fan *f, struct member *m, struct group *to)
{
    struct lag *lag = m->lag;
    struct group *old = m->group;
    uint64_t owed = lag_owed(m);

    if (!to || owed == 0) {
        f->counters.dropped_closed += owed;
        lag->next = f->log.head;
        lag->n_floors = 0;
        lag->conflating = false;
        lag->frames = !to ? 0 : to->frames;
        lag->bytes = !to ? 0 : to->bytes;
        lag->all_bytes = !to ? 0 : to->all_bytes;
        return;
    }
    set_floors(f, lag, old, to);
    lag->frames = to->frames - owed;
    lag->bytes = to->bytes - (old->bytes - lag->bytes);
    /* What was owed in one mode may be owed in the other now, or not at all. */
    lag->all_bytes =
        to->all_bytes - (has_all(to) ? count_all_bytes(f, to, lag) : 0);
}

/* A long frame that was cut is shared by all members that it was cut for. */
static struct buf *pin(struct fan *f, const struct due *d)
{
    struct buf *found = NULL;
    uint32_t n = 0;

    for (uint32_t i = 0; i < f->n_pins; i++) {
        struct pin p = f->pins[i];
        if (p.number == d->number)
            found = p.buf;
        else if (p.buf->refs == 1) {
            buf_unref(p.buf);
            continue;
        }
        f->pins[n++] = p;
    }
    f->n_pins = n;
    if (found)
        return buf_ref(found);
    found = buf_new(d->ptr, d->len);
    if (!found)
        return NULL;
    f->pins = mem_grow(f->pins, (n + 1u) * sizeof *f->pins);
    f->pins[f->n_pins++] =
        (struct pin){.number = d->number, .buf = buf_ref(found)};
    return found;
}

/* `sent` bytes of the dues from `first` on have gone: the whole frames among
 * them are delivered, and a cut one must be finished before anything else. */
static void account(struct fan *f, struct member *m, size_t first, size_t sent)
{
    struct lag *lag = m->lag;

    for (size_t i = first; i < f->dues.count && sent > 0; i++) {
        const struct due *d = &f->dues.at[i];
        f->counters.delivered++;
        lag->frames++;
        lag->bytes += d->len;
        if (d->all)
            lag->all_bytes += d->len;
        lag->next = d->number + 1;
        if (sent >= d->len) {
            sent -= d->len;
            continue;
        }
        if (d->len - sent > LAG_COPY_MAX && (lag->cut = pin(f, d)) != NULL)
            lag->cut_at = (uint32_t)sent;
        else
            bytes_add(&lag->out, d->ptr + sent, d->len - sent);
        break;
    }
}

void lag_begin_turn(struct fan *f, struct member *m, uint64_t sent)
{
    struct group *g = m->group;
    struct lag *lag = lag_new(f, m);

    lag->frames = g->frames - g->turn_frames;
    lag->bytes = g->bytes - g->turn_bytes;
    lag->all_bytes = g->all_bytes - g->turn_all_bytes;
    conflation_everything(f, g, NULL, g->turn_first, &f->dues);
    account(f, m, 0, sent);
    f->counters.stalls++;
    f->io->want_writable(m, true);
}

/* The cut frame and the answers.  True: all gone. */
static bool send_out(struct fan *f, struct member *m)
{
    struct lag *lag = m->lag;
    struct iovec iov[2];
    unsigned n = 0;
    size_t total = 0;
    ssize_t sent;
    size_t left;

    if (lag->cut)
        iov[n++] = (struct iovec){.iov_base = lag->cut->data + lag->cut_at,
                                  .iov_len = lag->cut->len - lag->cut_at};
    if (lag->out.len > 0)
        iov[n++] =
            (struct iovec){.iov_base = lag->out.ptr, .iov_len = lag->out.len};
    for (unsigned i = 0; i < n; i++)
        total += iov[i].iov_len;
    if (total == 0)
        return true;
    sent = f->io->send(m, iov, n);
    f->counters.sends++;
    if (sent < 0) {
        if (sent != -EAGAIN)
            fan_lose(f, m, FAN_LOST_SOCKET, (int)-sent);
        return false;
    }
    f->counters.bytes += (uint64_t)sent;
    left = (size_t)sent;
    if (lag->cut) {
        size_t of_cut = left < iov[0].iov_len ? left : iov[0].iov_len;
        lag->cut_at += (uint32_t)of_cut;
        left -= of_cut;
        if (lag->cut_at == lag->cut->len)
            lag->cut = buf_unref(lag->cut);
    }
    bytes_drop(&lag->out, left);
    return (size_t)sent == total;
}

/* Sends the dues; true: all of them are gone. */
static bool send_dues(struct fan *f, struct member *m)
{
    size_t i = 0;

    while (i < f->dues.count) {
        size_t first = i, total = 0;
        unsigned n = 0;
        ssize_t sent;

        for (; i < f->dues.count && n < BATCH_IOV; i++) {
            const struct due *d = &f->dues.at[i];
            struct iovec *last = n > 0 ? &f->iov[n - 1] : NULL;
            if (last && (char *)last->iov_base + last->iov_len == d->ptr)
                last->iov_len += d->len;
            else
                f->iov[n++] = (struct iovec){
                    .iov_base = (void *)(uintptr_t)d->ptr, .iov_len = d->len};
            total += d->len;
        }
        sent = f->io->send(m, f->iov, n);
        f->counters.sends++;
        if (sent < 0 && sent != -EAGAIN) {
            fan_lose(f, m, FAN_LOST_SOCKET, (int)-sent);
            return false;
        }
        if (sent > 0) {
            f->counters.bytes += (uint64_t)sent;
            account(f, m, first, (size_t)sent);
        }
        if (sent != (ssize_t)total)
            return false;
    }
    return true;
}

static bool catch_up(struct fan *f, struct member *m)
{
    struct lag *lag = m->lag;
    struct group *g = m->group;
    uint64_t all = lag_owed_all_bytes(m);
    uint64_t owed = lag_owed_bytes(m), latest = owed > all ? owed - all : 0;

    if (latest > f->limits.backlog_bytes || lag->next < f->log.tail)
        lag->conflating = true;
    if (!lag->conflating) {
        conflation_everything(f, g, lag, lag->next, &f->dues);
    } else if (!conflation_newest(f, g, lag, &f->dues)) {
        fan_lose(f, m, FAN_LOST_SLOW, 0);
        return false;
    }
    return send_dues(f, m);
}

void fan_resume(struct fan *f, struct member *m)
{
    if (m->group && m->group->turn_frames > 0)
        fan_flush(f);
    if (!m->lag) {
        f->io->want_writable(m, false);
        return;
    }
    if (!send_out(f, m))
        return;
    if (lag_owed(m) > 0) {
        if (!catch_up(f, m))
            return;
        f->counters.conflated += lag_owed(m);
    }
    lag_end(m);
    f->io->want_writable(m, false);
}

/*
 * model_cover.h -- what Redis has said to the gateway of each channel, and when
 * it could not.
 */
#pragma once

#include "tests/unit/wsgate/model/model_gate.h"
#include "wsgate/fanout/hearing.h"

/* What Redis and the gateway have to do with a channel. */
struct cover {
    /* Since it was fetched: Redis had it subscribed when the link was lost, and
     * somebody here wanted it. */
    bool may_recover, recover;
    char epoch[EPOCH]; /* at that time */
    uint64_t lost_frame;
    int64_t lost_ms, lost_bar; /* the newest at that time */
    bool was_read; /* before that: what is cached now and was not is news */
    struct holding lost;
    uint64_t read_on; /* the subscription connection during which it was read */
    unsigned n_read;
    uint32_t read[REDIS_READ_MAX];
};

static struct cover gate_covers[CHANNELS];

/* --- what Redis says to it --- */

static int channel_read(const struct redis_mark *m)
{
    size_t head = strlen(PREFIX "last:");

    return strncmp(m->text, PREFIX "last:", head) == 0
               ? channel_named(span_str(m->text + head))
               : -1;
}

static void on_read(struct redis_mark *m)
{
    int c = channel_read(m);

    for (unsigned i = 0; i < m->values; i++) {
        struct record *r = record_of(m->read[i]);
        if (r->parted && !r->published && !r->read_between)
            r->read_step = model.step;
        r->read_between |= r->parted && !r->published;
        record_show(NOBODY, c, "read from the cache", m->read[i]);
    }
    if (m->values == 0)
        trace(NOBODY, c, "read from the cache: nothing");
}

static void on_answer(const struct redis_mark *m)
{
    int c = channel_read(m);
    struct cover *cover = &gate_covers[c < 0 ? 0 : c];

    if (c < 0)
        return;
    trace(NOBODY, c, "what was read of %s comes", rows[c].name);
    cover->read_on = m->connection;
    cover->n_read = m->values;
    memcpy(cover->read, m->read, sizeof cover->read);
}

/* It comes from the cache: news is what is newer than what was held, or what
 * was missed (decision 0013). */
static void on_recovered(int c, uint32_t number)
{
    const struct cover *cover = &gate_covers[c];
    const struct record *r = record_of(number);
    const struct held *had = holding_find(&gate.before[c], r);

    if (had && !says_newer(r, record_of(had->record)))
        broken(CHECK_NEWS, NOBODY, c, "m=%u is told after m=%u", number,
               had->record);
    else if (!had && !cover->may_recover)
        broken(CHECK_NEWS, NOBODY, c,
               "m=%u is told, and the channel was not heard before", number);
    else if (!had && !cover->was_read && r->time_ms > 0 &&
             r->time_ms <= cover->lost_ms)
        broken(CHECK_NEWS, NOBODY, c, "m=%u is told, and was not missed",
               number);
}

/* A message has been delivered: what the gateway holds is not older. */
static void check_arrived(const struct redis_mark *m, int c)
{
    struct holding h;

    gate_holding(c, &h);
    for (unsigned i = 0; m->first > 0 && i < m->values; i++) {
        const struct record *r = record_of(m->first + i);
        const struct held *held = holding_find(&h, r);

        record_show(NOBODY, c, m->pattern ? "arrived by pattern" : "arrived",
                    m->first + i);
        if (r->secret)
            continue;
        if (!held || held->record < m->first + i)
            broken(CHECK_KNOWN, NOBODY, c, "m=%u arrived, but m=%u is held",
                   m->first + i, held ? held->record : 0);
    }
}

static void on_mark(const struct redis_mark *m)
{
    struct span name = span_str(m->text + strlen(PREFIX));
    int c = channel_named(name);
    struct channel *channel = c < 0 ? NULL : gate_channel(c);

    if (m->what == SAID_READ) {
        on_answer(m);
        return;
    }
    if (m->what == SAID_CONFIRMED) {
        trace(NOBODY, c, "confirmed %s%s", m->text,
              m->pattern ? " (pattern)" : "");
        return;
    }
    if (m->values == 0)
        return; /* the gateway's own */
    gate.arrived_min++;
    gate.arrived_max += m->values;
    for (unsigned i = 0; m->first > 0 && i < m->values; i++)
        record_of(m->first + i)->arrived = true;
    if (channel && hearing_members(&gate.fanout, &channel->native.stream) > 0 &&
        (!m->pattern || gate.has_wildcard(c)))
        check_arrived(m, c);
}

static void note_lost(int c)
{
    const struct channel *channel = gate_channel(c);
    struct cover *cover = &gate_covers[c];
    char name[REDIS_NAME_MAX];
    bool had = false, had_name = false;

    snprintf(name, sizeof name, PREFIX "%s", rows[c].name);
    for (const struct redis_conn *r = redis.first; r; r = r->next) {
        had |= redis_has(r, span_str(name), true);
        had_name |= redis_has(r, span_str(name), false);
    }
    if (!channel || strcmp(cover->epoch, channel->epoch) != 0)
        *cover = (struct cover){.read_on = cover->read_on};
    if (!channel || !had)
        return;
    cover->may_recover = true;
    cover->recover |= had_name || gate.has_wildcard(c);
    cover->was_read |= cover->read_on > 0;
    snprintf(cover->epoch, EPOCH, "%s", channel->epoch);
    cover->lost_frame = gate.fanout.log.head;
    gate_holding(c, &cover->lost);
    for (unsigned i = 0; i < cover->lost.n; i++) {
        const struct record *r = record_of(cover->lost.at[i].record);
        if (r->type == 'b' && r->extra > cover->lost_bar)
            cover->lost_bar = r->extra;
        if (r->time_ms > cover->lost_ms)
            cover->lost_ms = r->time_ms;
    }
}

/* Before a link with subscriptions ends. */
static void gate_note_lost(void)
{
    for (int c = 0; c < CHANNELS; c++)
        note_lost(c);
}

static uint64_t connection_now(void)
{
    return gate.upstream->connection;
}

/* After gate_open(). */
static void covers_open(void)
{
    gate.on_recovered = on_recovered;
    memset(gate_covers, 0, sizeof gate_covers);
    redis.on_read = on_read;
    redis.on_mark = on_mark;
    redis.on_end = gate_note_lost;
    redis.connection = connection_now;
}

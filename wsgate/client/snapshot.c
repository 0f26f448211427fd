#include "wsgate/client/snapshot.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "wsgate/channels/hub.h"
#include "wsgate/channels/message.h"

/* What one client may get, and how many channels be looked at for it, before
 * others have their turn. */
enum { AT_ONCE_BYTES = 16384, TURN_BYTES = 65536, TURN_CHANNELS = 1024 };

uint64_t snapshot_seq(const struct variant *v)
{
    /* A variant with an interval may have messages that wait: not yet told. */
    return v->channel.n_slots > 0 && v->interval_ms > 0 ? v->seq : v->feed->seq;
}

struct snapshots *snapshots_of(const struct request *r)
{
    struct snapshots *s =
        mem_zero(sizeof *s + r->n_wants * sizeof s->topics[0]);

    for (uint32_t i = 0; i < r->n_wants; i++) {
        if (r->wants[i].topic != HUB_NO_TOPIC)
            s->topics[s->n++] = r->wants[i].topic;
    }
    if (s->n > 0)
        return s;
    free(s);
    return NULL;
}

void snapshots_queue(struct client *c, struct snapshots *s)
{
    struct snapshots **at = &c->snapshots;

    s->from = c->all->gate->fan->log.head;
    while (*at)
        at = &(*at)->next;
    *at = s;
}

void snapshots_free(struct client *c)
{
    while (c->snapshots) {
        struct snapshots *s = c->snapshots;
        c->snapshots = s->next;
        free(s);
    }
}

struct showing {
    struct bytes *out;
    const struct variant *v;
};

static void show(void *arg, const struct slot *slot, struct span payload)
{
    const struct showing *s = arg;
    const struct feed *feed = s->v->feed;

    (void)slot;
    message_snapshot(s->out, feed->name, snapshot_seq(s->v), payload,
                     feed->last_ms > 0 ? feed->last_ms : clock_wall_ms(),
                     feed->last_local);
}

static bool has_topic(const struct group *g, uint32_t topic)
{
    uint32_t lo = 0, hi = !g ? 0 : g->n_keys;

    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (sub_topic(g->keys[mid]) < topic)
            lo = mid + 1;
        else
            hi = mid;
    }
    return g && lo < g->n_keys && sub_topic(g->keys[lo]) == topic;
}

/* Has the group this channel by its name, at whatever interval? */
static bool names(const struct group *g, const struct feed *feed)
{
    const struct variant *v = &feed->native;

    if (sub_topic(g->keys[0]) & TOPIC_PATTERN)
        return false;
    while (v && !has_topic(g, v->channel.id))
        v = v->next;
    return v != NULL;
}

/* Updates after a snapshot are newer than it: where one went out before the
 * snapshot had room, there is none. */
static bool is_outdone(const struct variant *v, uint64_t from)
{
    const struct channel *c = &v->feed->native.channel;

    for (uint32_t i = 0; i < c->n_slots; i++) {
        if (c->slots[i].frame >= from)
            return true;
    }
    return false;
}

/* The next channel of the first list; NULL: that one is nothing to show. */
static const struct variant *next_channel(struct client *c,
                                          const struct feeds *fs)
{
    struct snapshots *s = c->snapshots;
    const struct group *g = c->m.group;
    uint32_t topic = s->topics[s->at];
    const struct pattern *p;
    const struct variant *v;

    if (!has_topic(g, topic)) { /* unsubscribed meanwhile */
        s->at++;
        s->within = 0;
        return NULL;
    }
    if (!(topic & TOPIC_PATTERN)) {
        s->at++;
        return feeds_variant_of(fs, topic);
    }
    p = fs->fan->patterns[topic & ~TOPIC_PATTERN];
    if (s->within >= p->n_channels) {
        s->at++;
        s->within = 0;
        return NULL;
    }
    v = (const struct variant *)p->channels[s->within++];
    return names(g, v->feed) ? NULL : v;
}

/* Into out what goes at once; false: this turn's channels are used up. */
static bool gather(struct client *c, struct bytes *out, unsigned *channels)
{
    const struct feeds *fs = hub_feeds(c->all->gate->hub);

    while (c->snapshots && out->len < AT_ONCE_BYTES) {
        struct snapshots *s = c->snapshots;
        uint64_t from;
        struct showing showing;

        if (s->at == s->n) {
            c->snapshots = s->next;
            free(s);
            continue;
        }
        if (++*channels > TURN_CHANNELS)
            return false;
        from = s->from;
        showing = (struct showing){.out = out, .v = next_channel(c, fs)};
        if (showing.v && !is_outdone(showing.v, from))
            feed_each_newest(fs, showing.v, show, &showing);
    }
    return true;
}

void snapshots_pump(struct client *c)
{
    struct bytes *out = &c->all->answers;
    unsigned channels = 0;
    size_t sent = 0;
    bool more = true;

    while (more && sent < TURN_BYTES && c->snapshots &&
           client_unread(c) < AT_ONCE_BYTES) {
        bytes_clear(out);
        more = gather(c, out, &channels);
        sent += out->len;
        client_say(c, bytes_span(out));
        bytes_clear(out);
        if (c->ended)
            return;
    }
    /* The loop comes back when the others have had their turn. */
    if (c->snapshots)
        client_io.want_writable(&c->m, true);
}

#include "wsgate/snapshot.h"

#include <stdlib.h>

#include "common/clock.h"
#include "wsgate/hub.h"
#include "wsgate/message.h"

enum { AT_ONCE_BYTES = 16384 };

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
    while (*at != NULL)
        at = &(*at)->next;
    *at = s;
}

void snapshots_free(struct client *c)
{
    while (c->snapshots != NULL) {
        struct snapshots *s = c->snapshots;
        c->snapshots = s->next;
        free(s);
    }
}

struct showing {
    struct bytes *out;
    const struct variant *v;
    uint64_t from;
};

static void show(void *arg, const struct slot *slot, struct span payload)
{
    const struct showing *s = arg;
    const struct feed *feed = s->v->feed;

    if (slot->frame >= s->from)
        return; /* an update has been sent that is newer */
    message_snapshot(s->out, feed->name, snapshot_seq(s->v), payload,
                     feed->last_ms > 0 ? feed->last_ms : clock_wall_ms(),
                     feed->last_local);
}

static bool has_topic(const struct group *g, uint32_t topic)
{
    uint32_t lo = 0, hi = g == NULL ? 0 : g->n_keys;

    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (sub_topic(g->keys[mid]) < topic)
            lo = mid + 1;
        else
            hi = mid;
    }
    return g != NULL && lo < g->n_keys && sub_topic(g->keys[lo]) == topic;
}

/* The next channel of the first list; NULL: that one is nothing to show. */
static const struct variant *next_channel(struct client *c,
                                          const struct feeds *fs)
{
    struct snapshots *s = c->snapshots;
    const struct group *g = c->m.group;
    uint32_t topic = s->topics[s->at];

    if (!has_topic(g, topic)) { /* unsubscribed meanwhile */
        s->at++;
        s->within = 0;
        return NULL;
    }
    if (!(topic & TOPIC_PATTERN)) {
        s->at++;
        return feeds_variant_of(fs, topic);
    }
    const struct pattern *p = fs->fan->patterns[topic & ~TOPIC_PATTERN];
    if (s->within >= p->n_channels) {
        s->at++;
        s->within = 0;
        return NULL;
    }
    const struct channel *ch = p->channels[s->within++];
    return group_names(g, ch->root) ? NULL : (const struct variant *)ch;
}

void snapshots_pump(struct client *c)
{
    const struct feeds *fs = hub_feeds(c->all->gate->hub);
    struct bytes *out = &c->all->answers;

    while (c->snapshots != NULL && client_unread(c) < AT_ONCE_BYTES) {
        bytes_clear(out);
        while (c->snapshots != NULL && out->len < AT_ONCE_BYTES) {
            struct snapshots *s = c->snapshots;
            if (s->at == s->n) {
                c->snapshots = s->next;
                free(s);
                continue;
            }
            struct showing showing = {.out = out, .from = s->from};
            showing.v = next_channel(c, fs);
            if (showing.v != NULL)
                feed_each_newest(fs, showing.v, show, &showing);
        }
        client_say(c, bytes_span(out));
        bytes_clear(out);
        if (c->ended)
            return;
    }
}

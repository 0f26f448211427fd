#include "wsgate/client/notice.h"

#include <stdlib.h>

#include "common/base/bytes.h"
#include "wsgate/channels/message.h"
#include "wsgate/channels/pattern.h"
#include "wsgate/channels/upstream.h"
#include "wsgate/client/snapshot.h"
#include "wsgate/client/stats.h"

/* Whoever has it now: to tell one may end that one. */
struct hearers {
    struct clients *registry;
    uint64_t stamp;
    struct hearer {
        struct client *client;
        const struct view *view; /* of a channel; NULL: it is a pattern */
    } * at;
    uint32_t n, cap;
};

static void add_members(struct hearers *h, const struct members *members,
                        const struct view *view)
{
    for (uint32_t i = 0; i < members->count; i++) {
        if (h->n == h->cap) {
            h->cap = h->cap == 0 ? 16 : h->cap * 2;
            h->at = mem_grow(h->at, h->cap * sizeof *h->at);
        }
        h->at[h->n++] = (struct hearer){
            .client = node_of(struct client, m, members->at[i]), .view = view};
    }
}

static void add_groups(struct hearers *h, const struct links *links,
                       const struct view *view)
{
    for (uint32_t i = 0; i < links->n; i++) {
        struct group *g = links->at[i].group;

        if (g->met == h->stamp)
            continue;
        g->met = h->stamp;
        add_members(h, &g->fast, view);
        add_members(h, &g->slow, view);
    }
}

static struct hearers hearers_of(struct clients *registry, struct span name,
                                 bool pattern)
{
    const struct channels *cs = upstream_channels(registry->upstream);
    const struct channel *channel = pattern ? NULL : channels_find(cs, name);
    const struct pattern *p = pattern ? channels_find_pattern(cs, name) : NULL;
    struct hearers h = {.registry = registry,
                        .stamp = fanout_stamp(registry->fanout)};

    for (const struct view *v = channel ? &channel->native : NULL; v;
         v = v->next)
        add_groups(&h, &v->stream.links, v);
    for (const struct pattern_view *v = p ? p->views : NULL; v; v = v->next)
        add_groups(&h, &v->stream.groups, NULL);
    return h;
}

static void tell_access(const struct hearer *h, struct span name, bool refused)
{
    struct bytes out = {0};
    struct message_frame m;
    const struct view *v = h->view;

    if (h->client->dialect != DIALECT_NATIVE)
        return;
    if (refused) {
        message_trouble(&out, name, "refused", NOTICE_REFUSED);
    } else {
        m = message_results_begin(&out, "subscribed", span_str(""));
        message_result_ok(&m, name, name, v ? v->channel->epoch : NULL,
                          v ? snapshot_seq(h->client, v) : 0);
        message_results_end(&m);
    }
    client_send(h->client, bytes_span(&out));
    bytes_close(&out);
}

void notice_access(struct clients *registry, struct span name, bool pattern,
                   bool refused)
{
    struct hearers h;

    upstream_flush(registry->upstream);
    h = hearers_of(registry, name, pattern);
    for (uint32_t i = 0; i < h.n; i++)
        tell_access(&h.at[i], name, refused);
    free(h.at);
}

static void tell_no_room(struct client *c, struct span pattern)
{
    static const char why[] =
        "messages are missing: this gateway has too many channels";
    struct bytes out = {0};

    if (c->dialect != DIALECT_NATIVE) {
        client_close(c, WS_CLOSE_TRY_LATER, why);
        return;
    }
    message_trouble(&out, pattern, "no_room", why);
    stats_refused("no_room");
    client_send(c, bytes_span(&out));
    bytes_close(&out);
}

void notice_no_room(struct clients *registry, struct span pattern)
{
    struct hearers h;

    upstream_flush(registry->upstream);
    h = hearers_of(registry, pattern, true);
    for (uint32_t i = 0; i < h.n; i++)
        tell_no_room(h.at[i].client, pattern);
    free(h.at);
}

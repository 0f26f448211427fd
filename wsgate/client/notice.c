#include "wsgate/client/notice.h"

#include "wsgate/channels/message.h"
#include "wsgate/channels/upstream.h"
#include "wsgate/client/snapshot.h"
#include "wsgate/client/stats.h"

struct notice {
    struct clients *registry;
    struct span name;
    bool pattern, refused;
};

/* The subscription by which it has the name; NO_SUBSCRIPTION: it has not. */
static uint32_t subscription_of(const struct notice *t, const struct client *c)
{
    const struct group *g = c->m.group;
    const struct upstream *upstream = t->registry->upstream;

    for (uint32_t i = 0; g && i < g->n_keys; i++) {
        uint32_t subscription = key_subscription(g->keys[i]);
        if (((subscription & SUBSCRIPTION_PATTERN) != 0) == t->pattern &&
            span_eq(upstream_subscription_name(upstream, subscription),
                    t->name))
            return subscription;
    }
    return NO_SUBSCRIPTION;
}

static void tell_access(void *arg, struct client *c)
{
    const struct notice *t = arg;
    struct channels *cs = upstream_channels(t->registry->upstream);
    uint32_t subscription = subscription_of(t, c);
    struct bytes out = {0};
    struct message_frame m;
    const struct view *v;

    if (subscription == NO_SUBSCRIPTION || c->dialect != DIALECT_NATIVE)
        return;
    if (t->refused) {
        message_trouble(&out, t->name, "refused", NOTICE_REFUSED);
    } else {
        m = message_results_begin(&out, "subscribed", span_str(""));
        v = t->pattern ? NULL : channels_view_of(cs, subscription);
        message_result_ok(&m, t->name, t->name, v ? v->channel->epoch : NULL,
                          v ? snapshot_seq(c, v) : 0);
        message_results_end(&m);
    }
    client_send(c, bytes_span(&out));
    bytes_close(&out);
}

void notice_access(struct clients *registry, struct span name, bool pattern,
                   bool refused)
{
    struct notice notice = {registry, name, pattern, refused};

    upstream_flush(registry->upstream);
    clients_each(registry, tell_access, &notice);
}

static void tell_no_room(void *arg, struct client *c)
{
    static const char why[] =
        "messages are missing: this gateway has too many channels";
    const struct notice *t = arg;
    struct bytes out = {0};

    if (subscription_of(t, c) == NO_SUBSCRIPTION)
        return;
    if (c->dialect != DIALECT_NATIVE) {
        client_close(c, WS_CLOSE_TRY_LATER, why);
        return;
    }
    message_trouble(&out, t->name, "no_room", why);
    stats_refused("no_room");
    client_send(c, bytes_span(&out));
    bytes_close(&out);
}

void notice_no_room(struct clients *registry, struct span pattern)
{
    struct notice notice = {registry, pattern, true, false};

    upstream_flush(registry->upstream);
    clients_each(registry, tell_no_room, &notice);
}

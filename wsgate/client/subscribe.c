#include "wsgate/client/subscribe.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/event/route.h"
#include "common/json/json_writer.h"
#include "wsgate/channels/message.h"
#include "wsgate/channels/upstream.h"
#include "wsgate/client/arrival.h"
#include "wsgate/client/moves.h"
#include "wsgate/client/notice.h"
#include "wsgate/client/request.h"
#include "wsgate/client/share.h"
#include "wsgate/client/snapshot.h"
#include "wsgate/client/stats.h"
#include "wsgate/client/subscription_set.h"
#include "wsgate/ws/ws_utf8.h"

enum {
    PENDING_TICK_MS = 50,
    /* What one client may have under way, x its subscriptions: each message
     * looks at all of it. */
    PENDING_PER_CLIENT = 4,
};

/* --- what may be subscribed to --- */

/* Each interval is one more stream of frames, shared by all who asked for it:
 * so there are not as many as there are numbers. */
static uint32_t round_interval(int64_t ms)
{
    int64_t step = ms <= 1000 ? 50 : ms <= 10000 ? 500 : 5000;

    return (uint32_t)((ms + step - 1) / step * step);
}

/* NULL: it has it already, or may have one more; else a static text. */
static const char *refusal(const struct client *c,
                           const struct subscription_set *have,
                           struct span name)
{
    const char *why = NULL;

    if (subscription_set_has_named(have, name))
        return NULL;
    why = subscription_set_refusal(have, name);
    return why ? why : share_refusal(c, name);
}

static void open_item(struct client *c, struct request *r,
                      const struct command *cmd, size_t i,
                      struct subscription_set *have)
{
    const struct clients_options *o = &c->registry->options;
    struct upstream *upstream = c->registry->upstream;
    struct span asked = command_channel(cmd, i), since;
    const char *why;
    struct span name = command_name(cmd, i, &why);
    struct subscribe_item *item = request_add(
        r, asked.len <= ROUTE_NAME_MAX ? asked
                                       : span_make(asked.ptr, ROUTE_NAME_MAX));

    if (why) {
        if (!ws_utf8_ok(span_make(asked.ptr, item->name_len)))
            item->name_len = 0; /* cut within a character */
        request_refuse(item, "bad_channel", why);
        return;
    }
    if (route_channel_is_internal(name)) {
        request_refuse(item, "forbidden",
                       "names with a part that begins with an underscore are "
                       "internal");
        return;
    }
    if (route_is_private(o->routes, name)) {
        request_refuse(
            item, "forbidden",
            "private channels need a token, and this gateway has no key");
        return;
    }
    why = refusal(c, have, name);
    if (why) {
        request_refuse(item, "too_many", why);
        return;
    }
    item->all = cmd->mode == COMMAND_ALL ||
                (cmd->mode == COMMAND_DEFAULT && cmd->interval_ms == 0 &&
                 route_mode_of(o->routes, name) == ROUTE_ALL);
    item->subscription = share_open(c, name, DIALECT_NATIVE,
                                    round_interval(cmd->interval_ms), &why);
    if (item->subscription == NO_SUBSCRIPTION) {
        request_refuse(item, "too_many", why);
        return;
    }
    if (!cmd->snapshot)
        upstream_note_unshown(upstream, item->subscription);
    if (!subscription_set_has(have, item->subscription))
        subscription_set_put(have,
                             subscription_key(item->subscription, item->all));
    if (command_since(cmd, i, &since))
        request_since(r, item, since);
}

/* --- the answer, and what it brings --- */

static void add_results(struct request *r, struct bytes *out)
{
    struct upstream *upstream = r->client->registry->upstream;
    struct message_frame m =
        message_results_begin(out, "subscribed", bytes_span(&r->id));

    for (uint32_t i = 0; i < r->n_items; i++) {
        const struct subscribe_item *item = &r->items[i];
        struct span name = request_item_name(r, item), as;
        if (item->subscription == NO_SUBSCRIPTION) {
            message_result_bad(&m, name, item->code, item->text);
            continue;
        }
        as = upstream_subscription_name(upstream, item->subscription);
        if (item->subscription & SUBSCRIPTION_PATTERN) {
            message_result_ok(&m, name, as, NULL, 0);
        } else {
            const struct view *v = channels_view_of(upstream_channels(upstream),
                                                    item->subscription);
            message_result_ok(&m, name, as, v->channel->epoch,
                              snapshot_seq(r->client, v));
        }
    }
    message_results_end(&m);
    for (uint32_t i = 0; i < r->n_items; i++) {
        const struct subscribe_item *item = &r->items[i];
        if (item->subscription != NO_SUBSCRIPTION && item->gap)
            message_gap(
                out, upstream_subscription_name(upstream, item->subscription),
                request_item_since(r, item), "not_resumable");
    }
}

/* The subscriptions of the request become the client's. */
static void take_over(struct client *c, struct request *r)
{
    struct clients *registry = c->registry;
    struct upstream *upstream = registry->upstream;
    struct subscription_set have;
    uint32_t before;

    subscription_set_open(&have, registry, c->m.group, r->n_items);
    before = have.count;
    for (uint32_t i = 0; i < r->n_items; i++) {
        struct subscribe_item *item = &r->items[i];
        uint64_t old;

        if (item->subscription == NO_SUBSCRIPTION)
            continue;
        client_tell(
            c, (struct activity){.action = ACTIVITY_SUBSCRIBE,
                                 .channel = upstream_subscription_name(
                                     upstream, item->subscription),
                                 .mode = span_str(item->all ? "all" : "latest"),
                                 .interval_ms = upstream_subscription_interval(
                                     upstream, item->subscription)});
        old = subscription_set_put(
            &have, subscription_key(item->subscription, item->all));
        if (old != SUBSCRIPTION_SET_NONE)
            share_close(c, key_subscription(old)); /* one of two references */
        item->taken = true;
    }
    registry->subscriptions += have.count - before;
    subscription_set_apply(&have, &c->m);
    subscription_set_close(&have);
}

/* What Redis refuses is not subscribed to. */
static void drop_refused(struct request *r)
{
    struct upstream *upstream = r->client->registry->upstream;

    for (uint32_t i = 0; i < r->n_items; i++) {
        struct subscribe_item *item = &r->items[i];

        if (item->subscription == NO_SUBSCRIPTION ||
            !upstream_is_refused(upstream, item->subscription))
            continue;
        share_close(r->client, item->subscription);
        item->subscription = NO_SUBSCRIPTION;
        request_refuse(item, "refused", NOTICE_REFUSED);
    }
}

/* False: the client went meanwhile, and its requests with it. */
static bool prepare(struct client *c, const struct request *r)
{
    uint32_t *begin = mem_alloc(r->n_items * sizeof *begin + 1), n = 0;
    bool stays;

    for (uint32_t i = 0; i < r->n_items; i++) {
        if (r->items[i].subscription != NO_SUBSCRIPTION)
            begin[n++] = r->items[i].subscription;
    }
    stays = arrival_prepare(c, begin, n, true);
    free(begin);
    return stays;
}

static void queue_snapshots(struct client *c, const struct request *r)
{
    struct snapshots *s = snapshots_new(r->n_items);

    for (uint32_t i = 0; i < r->n_items; i++) {
        if (r->items[i].taken)
            snapshots_add(upstream_channels(c->registry->upstream), s,
                          r->items[i].subscription);
    }
    snapshots_queue(c, s);
}

/* Everything is known: the subscriptions take effect; then, before any update
 * is sent, come ack and snapshots. */
static void finish(struct request *r, struct bytes *out)
{
    struct client *c = r->client;
    struct moves *moves;

    drop_refused(r);
    if (!prepare(c, r)) {
        bytes_clear(out);
        return;
    }
    moves = moves_begin(c);
    take_over(c, r);
    moves_end(c, moves, r->snapshot ? r : NULL);
    if (c->dialect == DIALECT_NATIVE)
        add_results(r, out);
    if (r->snapshot)
        queue_snapshots(c, r);
    request_free(r);
}

static void on_pending_timer(uv_timer_t *t)
{
    struct clients *registry = t->data;

    subscribe_check(registry);
    if (!registry->pending)
        uv_timer_stop(t);
}

static void wait_or_finish(struct request *r, struct bytes *out)
{
    struct clients *registry = r->client->registry;

    if (request_is_settled(r)) {
        finish(r, out);
        return;
    }
    r->deadline_mono_ms =
        clock_mono_ms() + (uint64_t)registry->options.confirm_ms;
    if (!uv_is_active((uv_handle_t *)&registry->pending_timer))
        uv_timer_start(&registry->pending_timer, on_pending_timer,
                       PENDING_TICK_MS, PENDING_TICK_MS);
}

/* Subscriptions under way count, too. */
static void put_pending(struct client *c, struct subscription_set *have)
{
    for (const struct request *r = c->requests; r; r = r->next_of_client) {
        for (uint32_t i = 0; i < r->n_items; i++) {
            if (r->items[i].subscription != NO_SUBSCRIPTION)
                subscription_set_put(have,
                                     subscription_key(r->items[i].subscription,
                                                      r->items[i].all));
        }
    }
}

static uint32_t pending_count(const struct client *c)
{
    uint32_t n = 0;

    for (const struct request *r = c->requests; r; r = r->next_of_client)
        n += r->n_items;
    return n;
}

void subscribe_command(struct client *c, const struct command *cmd,
                       struct bytes *out)
{
    struct subscription_set have;
    uint32_t room;
    struct request *r;

    if (!client_flush(c)) {
        bytes_clear(out);
        return;
    }
    room = pending_count(c) + (uint32_t)cmd->n_channels;
    if (room > c->registry->options.max_subscriptions * PENDING_PER_CLIENT) {
        message_error(out, bytes_span(&cmd->id), "too_many",
                      "too many subscriptions are under way", true);
        stats_refused("too_many");
        return;
    }
    subscription_set_open(&have, c->registry, c->m.group, room);
    put_pending(c, &have);
    r = request_new(c);
    r->snapshot = cmd->snapshot;
    bytes_add_span(&r->id, bytes_span(&cmd->id));
    for (size_t i = 0; i < cmd->n_channels; i++)
        open_item(c, r, cmd, i, &have);
    subscription_set_close(&have);
    wait_or_finish(r, out);
}

void subscribe_list(struct client *c, struct span names, struct bytes *out)
{
    struct bytes text = {0};
    struct json_writer json = {.out = &text};
    const char *why;
    struct command cmd;

    /* As if it had sent the command: the same bounds, the same answer. */
    json_write_object(&json, NULL);
    json_write_str(&json, "type", "subscribe");
    json_write_array(&json, "channels");
    for (const char *at = names.ptr, *end = at + names.len; at <= end;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = !comma ? end : comma;
        json_write_span(&json, NULL, span_make(at, (size_t)(stop - at)));
        at = stop + 1;
    }
    json_write_array_end(&json);
    json_write_object_end(&json);
    if (command_read(bytes_span(&text), &cmd, &why))
        subscribe_command(c, &cmd, out);
    else
        message_error(out, span_str(""), "bad_request",
                      "?subscribe= is not a list of channel names", false);
    command_free(&cmd);
    bytes_close(&text);
}

void subscribe_dialect(struct client *c, struct bytes *out)
{
    const struct dialect_row *d = dialect_row((enum dialect)c->dialect);
    struct request *r = request_new(c);
    const char *why = NULL;

    for (const char *const *name = d->subscriptions; *name; name++) {
        struct subscribe_item *item = request_add(r, span_str(*name));

        item->all = route_mode_of(c->registry->options.routes,
                                  span_str(*name)) == ROUTE_ALL;
        item->subscription =
            share_open(c, span_str(*name), (enum dialect)c->dialect, 0, &why);
        if (item->subscription == NO_SUBSCRIPTION) {
            /* It would hear nothing, and cannot be told otherwise. */
            client_send(c, bytes_span(out));
            bytes_clear(out);
            client_close(c, WS_CLOSE_TRY_LATER, why);
            return;
        }
    }
    wait_or_finish(r, out);
}

void subscribe_check(struct clients *registry)
{
    uint64_t now = clock_mono_ms();
    struct bytes out = {0};

    if (registry->pending)
        upstream_flush(registry->upstream); /* see client_flush() */
    for (struct request *r = registry->pending, *next; r; r = next) {
        struct client *c = r->client;
        uint64_t ends = registry->ends;
        next = r->next;
        if (!request_is_settled(r) && now < r->deadline_mono_ms)
            continue;
        bytes_clear(&out);
        finish(r, &out);
        if (registry->ends == ends)
            client_send(c, bytes_span(&out));
        if (registry->ends == ends && !c->ended && !c->closing)
            snapshots_pump(c);
        if (registry->ends != ends)
            next = registry->pending; /* some went, and their requests too */
    }
    bytes_close(&out);
    snapshots_check(registry);
}

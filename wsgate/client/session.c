#include "wsgate/client/session.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/event/route.h"
#include "common/json/json_writer.h"
#include "wsgate/channels/message.h"
#include "wsgate/channels/upstream.h"
#include "wsgate/client/clients.h"
#include "wsgate/client/command.h"
#include "wsgate/client/request.h"
#include "wsgate/client/snapshot.h"
#include "wsgate/client/subscription_set.h"

enum { PENDING_TICK_MS = 50, CHANNELS_PER_MESSAGE = 4 /* x the maximum */ };

static struct bytes *answers(struct client *c)
{
    return &c->registry->answers;
}

/*
 * To change what a client is subscribed to, the fanout is flushed, and a flush may
 * close any client, with its requests: so it is done before a request is
 * touched.  False: it was this client.
 */
static bool flush(struct client *c)
{
    upstream_flush(c->registry->upstream);
    if (!c->ended && !c->closing)
        return true;
    bytes_clear(answers(c)); /* nothing follows a close frame */
    return false;
}

/* --- what may be subscribed to --- */

/* Each interval is one more stream of frames, shared by all who asked for it:
 * so there are not as many as there are numbers. */
static uint32_t round_interval(int64_t ms)
{
    int64_t step = ms <= 1000 ? 50 : ms <= 10000 ? 500 : 5000;

    return (uint32_t)((ms + step - 1) / step * step);
}

static void refuse(struct subscribe_item *w, const char *code, const char *text)
{
    w->code = code;
    w->text = text;
}

static void open_item(struct client *c, struct request *r,
                      const struct command *cmd, struct span name,
                      struct subscription_set *have)
{
    const struct clients_options *o = &c->registry->options;
    struct upstream *upstream = c->registry->upstream;
    bool fits = name.len <= ROUTE_NAME_MAX;
    struct subscribe_item *w =
        request_add(r, fits ? name : span_make(name.ptr, ROUTE_NAME_MAX));
    struct span since;

    if (!fits || !route_channel_ok(name, true)) {
        if (!ws_utf8_ok(span_make(name.ptr, w->name_len)))
            w->name_len = 0; /* cut within a character */
        refuse(w, "bad_channel", "not a channel name");
        return;
    }
    if (route_channel_is_internal(name)) {
        refuse(w, "forbidden",
               "names that begin with an underscore are internal");
        return;
    }
    if (route_is_private(o->routes, name)) {
        refuse(w, "forbidden",
               "private channels need a token, and this gateway has no key");
        return;
    }
    if (!subscription_set_may_have(have, name)) {
        refuse(w, "too_many", "too many wildcards");
        return;
    }
    w->all = cmd->mode == COMMAND_ALL ||
             (cmd->mode == COMMAND_DEFAULT && cmd->interval_ms == 0 &&
              route_mode_of(o->routes, name) == ROUTE_ALL);
    w->subscription = upstream_open(upstream, name, DIALECT_NATIVE,
                                    round_interval(cmd->interval_ms));
    if (w->subscription == NO_SUBSCRIPTION) {
        refuse(w, "too_many", "this gateway has too many channels");
        return;
    }
    if (!subscription_set_has(have, w->subscription)) {
        if (have->count >= (uint64_t)o->max_subscriptions) {
            upstream_close(upstream, w->subscription);
            w->subscription = NO_SUBSCRIPTION;
            refuse(w, "too_many", "too many subscriptions");
            return;
        }
        subscription_set_put(have, subscription_key(w->subscription, w->all));
    }
    if (command_since(cmd, name, &since))
        request_since(r, w, since);
}

/* --- subscribe --- */

static void add_results(struct request *r, struct bytes *out)
{
    struct upstream *upstream = r->client->registry->upstream;
    struct message_frame m =
        message_results_begin(out, "subscribed", bytes_span(&r->id));

    for (uint32_t i = 0; i < r->n_items; i++) {
        const struct subscribe_item *w = &r->items[i];
        struct span name = item_name(r, w);
        if (w->subscription == NO_SUBSCRIPTION) {
            message_result_bad(&m, name, w->code, w->text);
        } else if (w->subscription & SUBSCRIPTION_PATTERN) {
            message_result_ok(&m, name, NULL, 0);
        } else {
            const struct view *v =
                channels_view_of(upstream_channels(upstream), w->subscription);
            message_result_ok(&m, name, v->channel->epoch, snapshot_seq(v));
        }
    }
    message_results_end(&m);
    for (uint32_t i = 0; i < r->n_items; i++) {
        const struct subscribe_item *w = &r->items[i];
        if (w->subscription != NO_SUBSCRIPTION && w->gap)
            message_gap(out, item_name(r, w), item_since(r, w),
                        "not_resumable");
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
        struct subscribe_item *w = &r->items[i];
        uint64_t old;

        if (w->subscription == NO_SUBSCRIPTION)
            continue;
        client_tell(
            c, (struct activity){.action = ACTIVITY_SUBSCRIBE,
                                 .channel = item_name(r, w),
                                 .mode = span_str(w->all ? "all" : "latest"),
                                 .interval_ms = upstream_subscription_interval(
                                     upstream, w->subscription)});
        old = subscription_set_put(&have,
                                   subscription_key(w->subscription, w->all));
        if (old != SUBSCRIPTION_SET_NONE)
            upstream_close(upstream,
                           key_subscription(old)); /* one of two references */
        w->subscription = NO_SUBSCRIPTION;
    }
    registry->subscriptions += have.count - before;
    subscription_set_apply(&have, &c->m);
    subscription_set_close(&have);
}

/* Everything is known: ack, then the subscriptions, then snapshots.  Whoever
 * calls this says what is in answers(). */
static void finish(struct request *r)
{
    struct client *c = r->client;
    struct snapshots *s = r->snapshot ? snapshots_of(r) : NULL;

    if (c->dialect == DIALECT_NATIVE)
        add_results(r, answers(c));
    take_over(c, r);
    if (s)
        snapshots_queue(c, s);
    request_free(r);
}

static void wait_or_finish(struct request *r)
{
    struct clients *registry = r->client->registry;

    if (request_is_settled(r)) {
        finish(r);
        return;
    }
    r->deadline_mono_ms =
        clock_mono_ms() + (uint64_t)registry->options.confirm_ms;
    if (!uv_is_active((uv_handle_t *)&registry->pending_timer))
        uv_timer_start(&registry->pending_timer, session_on_pending_timer,
                       PENDING_TICK_MS, PENDING_TICK_MS);
}

void session_check_pending(struct clients *registry)
{
    uint64_t now = clock_mono_ms();

    if (registry->pending)
        upstream_flush(registry->upstream); /* see flush() */
    for (struct request *r = registry->pending, *next; r; r = next) {
        struct client *c = r->client;
        next = r->next;
        if (!request_is_settled(r) && now < r->deadline_mono_ms)
            continue;
        bytes_clear(&registry->answers);
        finish(r);
        client_send(c, bytes_span(&registry->answers));
        if (!c->ended && !c->closing)
            session_pump(c);
        if (c->ended || c->closing)
            next = registry->pending; /* its other requests went with it */
    }
}

void session_on_pending_timer(uv_timer_t *t)
{
    struct clients *registry = t->data;

    session_check_pending(registry);
    if (!registry->pending)
        uv_timer_stop(t);
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

static void subscribe(struct client *c, const struct command *cmd)
{
    struct subscription_set have;
    uint32_t room;
    struct request *r;

    if (!flush(c))
        return;

    room = pending_count(c) + (uint32_t)cmd->n_channels;

    subscription_set_open(&have, c->registry, c->m.group, room);
    put_pending(c, &have);
    r = request_new(c);
    r->snapshot = cmd->snapshot;
    bytes_add_span(&r->id, bytes_span(&cmd->id));
    for (size_t i = 0; i < cmd->n_channels; i++)
        open_item(c, r, cmd, command_channel(cmd, i), &have);
    subscription_set_close(&have);
    wait_or_finish(r);
}

void session_subscribe_list(struct client *c, struct span names)
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
        subscribe(c, &cmd);
    else
        message_error(answers(c), span_str(""), "bad_request",
                      "?subscribe= is not a list of channel names", false);
    command_free(&cmd);
    bytes_close(&text);
}

void session_subscribe_dialect(struct client *c)
{
    const struct dialect_row *d = dialect_row((enum dialect)c->dialect);
    struct request *r = request_new(c);

    for (const char *const *name = d->subscriptions; *name; name++) {
        struct subscribe_item *w = request_add(r, span_str(*name));

        w->all = d->all;
        w->subscription = upstream_open(c->registry->upstream, span_str(*name),
                                        (enum dialect)c->dialect, 0);
    }
    wait_or_finish(r);
}

/* --- the other commands --- */

/* It was asked for and is not there yet. */
static bool cancel(struct client *c, struct span name)
{
    bool any = false;

    for (struct request *r = c->requests; r; r = r->next_of_client) {
        for (uint32_t i = 0; i < r->n_items; i++) {
            struct subscribe_item *w = &r->items[i];
            if (w->subscription == NO_SUBSCRIPTION ||
                !span_eq(item_name(r, w), name))
                continue;
            upstream_close(c->registry->upstream, w->subscription);
            w->subscription = NO_SUBSCRIPTION;
            refuse(w, "cancelled", "unsubscribed before it began");
            any = true;
        }
    }
    return any;
}

static void unsubscribe(struct client *c, const struct command *cmd)
{
    struct clients *registry;
    struct subscription_set have;
    struct message_frame m;
    uint32_t before;

    if (!flush(c))
        return;

    registry = c->registry;
    m = message_results_begin(answers(c), "unsubscribed", bytes_span(&cmd->id));

    subscription_set_open(&have, registry, c->m.group, 0);
    before = have.count;
    for (size_t i = 0; i < cmd->n_channels; i++) {
        struct span name = command_channel(cmd, i);
        uint64_t old = subscription_set_remove(&have, name);
        if (old != SUBSCRIPTION_SET_NONE) {
            upstream_close(registry->upstream, key_subscription(old));
            client_tell(c, (struct activity){.action = ACTIVITY_UNSUBSCRIBE,
                                             .channel = name});
        }
        if (cancel(c, name) || old != SUBSCRIPTION_SET_NONE)
            message_result_ok(&m, name, NULL, 0);
        else
            message_result_bad(&m, name, "not_subscribed",
                               "there is no such subscription");
    }
    message_results_end(&m);
    registry->subscriptions -= before - have.count;
    subscription_set_apply(&have, &c->m);
    subscription_set_close(&have);
}

static void list(struct client *c, const struct command *cmd)
{
    const struct upstream *upstream = c->registry->upstream;
    const struct group *g = c->m.group;
    struct message_frame m = message_results_begin(answers(c), "subscriptions",
                                                   bytes_span(&cmd->id));

    for (uint32_t i = 0; g && i < g->n_keys; i++) {
        uint32_t subscription = key_subscription(g->keys[i]);
        message_result_mode(
            &m, upstream_subscription_name(upstream, subscription),
            key_all(g->keys[i]),
            upstream_subscription_interval(upstream, subscription));
    }
    message_results_end(&m);
}

static void run(struct client *c, const struct command *cmd)
{
    struct span id = bytes_span(&cmd->id);

    switch (cmd->kind) {
    case COMMAND_SUBSCRIBE:
        subscribe(c, cmd);
        break;
    case COMMAND_UNSUBSCRIBE:
        unsubscribe(c, cmd);
        break;
    case COMMAND_LIST:
        list(c, cmd);
        break;
    case COMMAND_PING:
        message_pong(answers(c), id, clock_wall_ms());
        break;
    case COMMAND_AUTH:
        message_error(answers(c), id, "unsupported",
                      "this gateway has no key to check tokens with", false);
        break;
    }
}

static void bad_request(struct client *c, struct span id, const char *why)
{
    message_error(answers(c), id, "bad_request", why, false);
    if (++c->bad < CLIENT_BAD_MAX)
        return;
    client_send(c, bytes_span(answers(c)));
    bytes_clear(answers(c));
    client_close(c, CLOSE_BAD_REQUESTS, "too many bad requests");
}

void session_text(struct client *c, struct span text)
{
    struct command cmd;
    const char *why = NULL;

    if (c->dialect != DIALECT_NATIVE)
        return; /* the older addresses take no commands */
    if (!command_read(text, &cmd, &why)) {
        bad_request(c, bytes_span(&cmd.id), why);
    } else if (cmd.n_channels > (size_t)c->registry->options.max_subscriptions *
                                    CHANNELS_PER_MESSAGE) {
        message_error(answers(c), bytes_span(&cmd.id), "too_many",
                      "too many channels in one message", false);
    } else {
        run(c, &cmd);
    }
    command_free(&cmd);
}

void session_pump(struct client *c)
{
    snapshots_pump(c);
}

void session_end(struct client *c)
{
    const struct group *g = c->m.group;

    while (c->requests)
        request_free(c->requests);
    snapshots_free(c);
    for (uint32_t i = 0; g && i < g->n_keys; i++)
        upstream_close(c->registry->upstream, key_subscription(g->keys[i]));
    if (g)
        c->registry->subscriptions -= g->n_keys;
}

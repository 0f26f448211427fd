#include "wsgate/client/session.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "wsgate/channels/message.h"
#include "wsgate/channels/upstream.h"
#include "wsgate/client/arrival.h"
#include "wsgate/client/clients.h"
#include "wsgate/client/command.h"
#include "wsgate/client/moves.h"
#include "wsgate/client/request.h"
#include "wsgate/client/share.h"
#include "wsgate/client/snapshot.h"
#include "wsgate/client/stats.h"
#include "wsgate/client/subscribe.h"
#include "wsgate/client/subscription_set.h"

enum { CHANNELS_PER_MESSAGE = 4 /* x the maximum */ };

static struct span name_of(const struct command *cmd, size_t i)
{
    const char *why;

    return command_name(cmd, i, &why);
}

static void cancel_item(struct client *c, struct subscribe_item *item)
{
    share_close(c, item->subscription);
    item->subscription = NO_SUBSCRIPTION;
    request_refuse(item, "cancelled", "unsubscribed before it began");
}

/* What was asked for and is not there yet: each item is looked at once.
 * cancelled[i]: the i-th channel of the command was among it. */
static void cancel(struct client *c, const struct command *cmd, bool *cancelled)
{
    struct clients *registry = c->registry;
    uint32_t stamp = ++registry->stamp;

    for (size_t i = 0; i < cmd->n_channels; i++) {
        struct channel_mark *mark =
            subscription_mark_named(registry, name_of(cmd, i));

        cancelled[i] = false;
        if (mark && mark->stamp != stamp)
            *mark = (struct channel_mark){.stamp = stamp, .at = (uint32_t)i};
    }
    for (struct request *r = c->requests; r; r = r->next_of_client) {
        for (uint32_t i = 0; i < r->n_items; i++) {
            const struct channel_mark *mark;

            if (r->items[i].subscription == NO_SUBSCRIPTION)
                continue;
            mark = subscription_mark(registry, r->items[i].subscription);
            if (mark->stamp != stamp)
                continue;
            cancelled[mark->at] = true;
            cancel_item(c, &r->items[i]);
        }
    }
}

/* What goes on through a wildcard must not begin with what was heard before.
 * False: the client went meanwhile. */
static bool prepare(struct client *c, const struct command *cmd)
{
    uint32_t *given = mem_alloc(cmd->n_channels * sizeof *given + 1), n = 0;
    struct subscription_set have;
    bool stays;

    subscription_set_open(&have, c->registry, c->m.group, 0);
    for (size_t i = 0; i < cmd->n_channels; i++) {
        uint64_t old = subscription_set_remove(&have, name_of(cmd, i));
        if (old != SUBSCRIPTION_SET_NONE)
            given[n++] = key_subscription(old);
    }
    subscription_set_close(&have);
    stays = arrival_prepare(c, given, n, false);
    free(given);
    return stays;
}

static void not_subscribed(struct message_frame *m, struct span asked)
{
    message_result_bad(m, asked, "not_subscribed",
                       "there is no such subscription");
    stats_refused("not_subscribed");
}

/* The whole command. */
static void refuse(struct bytes *out, struct span id, const char *code,
                   const char *why)
{
    message_error(out, id, code, why, false);
    stats_refused(code);
}

static void unsubscribe(struct client *c, const struct command *cmd,
                        struct bytes *out)
{
    struct clients *registry;
    struct subscription_set have;
    struct message_frame m;
    struct moves *moves;
    bool *cancelled;
    uint32_t before;

    if (!client_flush(c) || !prepare(c, cmd)) {
        bytes_clear(out);
        return;
    }
    registry = c->registry;
    m = message_results_begin(out, "unsubscribed", bytes_span(&cmd->id));

    cancelled = mem_alloc(cmd->n_channels * sizeof *cancelled + 1);
    cancel(c, cmd, cancelled);
    moves = moves_begin(c);
    subscription_set_open(&have, registry, c->m.group, 0);
    before = have.count;
    for (size_t i = 0; i < cmd->n_channels; i++) {
        struct span asked = command_channel(cmd, i), name = name_of(cmd, i);
        uint64_t old = subscription_set_remove(&have, name);
        if (old != SUBSCRIPTION_SET_NONE) {
            share_close(c, key_subscription(old));
            client_tell(c, (struct activity){.action = ACTIVITY_UNSUBSCRIBE,
                                             .channel = name});
        }
        if (cancelled[i] || old != SUBSCRIPTION_SET_NONE)
            message_result_ok(&m, asked, name, NULL, 0);
        else
            not_subscribed(&m, asked);
    }
    message_results_end(&m);
    free(cancelled);
    registry->subscriptions -= before - have.count;
    subscription_set_apply(&have, &c->m);
    subscription_set_close(&have);
    moves_end(c, moves, NULL);
}

static void list(struct client *c, const struct command *cmd, struct bytes *out)
{
    const struct upstream *upstream = c->registry->upstream;
    const struct group *g = c->m.group;
    struct message_frame m =
        message_results_begin(out, "subscriptions", bytes_span(&cmd->id));

    for (uint32_t i = 0; g && i < g->n_keys; i++) {
        uint32_t subscription = key_subscription(g->keys[i]);
        message_result_mode(
            &m, upstream_subscription_name(upstream, subscription),
            key_all(g->keys[i]),
            upstream_subscription_interval(upstream, subscription));
    }
    message_results_end(&m);
    allowance_names(&c->allowance, g ? g->n_keys : 0);
}

static void run(struct client *c, const struct command *cmd, struct bytes *out)
{
    struct span id = bytes_span(&cmd->id);

    switch (cmd->kind) {
    case COMMAND_SUBSCRIBE:
        subscribe_command(c, cmd, out);
        break;
    case COMMAND_UNSUBSCRIBE:
        unsubscribe(c, cmd, out);
        break;
    case COMMAND_LIST:
        list(c, cmd, out);
        break;
    case COMMAND_PING:
        message_pong(out, id, clock_wall_ms());
        break;
    case COMMAND_AUTH:
        refuse(out, id, "unsupported",
               "this gateway has no key to check tokens with");
        break;
    }
}

static void bad_request(struct client *c, struct span id, const char *why,
                        struct bytes *out)
{
    refuse(out, id, "bad_request", why);
    if (allowance_bad(&c->allowance, (uint32_t)clock_mono_ms()))
        return;
    client_send(c, bytes_span(out));
    bytes_clear(out);
    client_close(c, CLOSE_BAD_REQUESTS, "too many bad requests");
}

void session_text(struct client *c, struct span text, struct bytes *out)
{
    struct command cmd;
    const char *why = NULL;

    if (span_is(text, "ping")) { /* what many exchanges' clients send */
        ws_frame_add(out, WS_OP_TEXT, span_str("pong"));
        return;
    }
    if (c->dialect != DIALECT_NATIVE)
        return; /* the older addresses take no commands */
    if (!command_read(text, &cmd, &why)) {
        bad_request(c, bytes_span(&cmd.id), why, out);
    } else if (cmd.n_channels > (size_t)c->registry->options.max_subscriptions *
                                    CHANNELS_PER_MESSAGE) {
        refuse(out, bytes_span(&cmd.id), "too_many",
               "too many channels in one message");
    } else {
        allowance_names(&c->allowance, cmd.n_channels);
        run(c, &cmd, out);
    }
    command_free(&cmd);
}

void session_end(struct client *c)
{
    const struct group *g = c->m.group;

    moves_gone(c);
    while (c->requests)
        request_free(c->requests);
    snapshots_free(c);
    for (uint32_t i = 0; g && i < g->n_keys; i++)
        share_close(c, key_subscription(g->keys[i]));
    if (g)
        c->registry->subscriptions -= g->n_keys;
}

/* One payload, from Redis or standard input: its values become messages. */
#include <inttypes.h>

#include "wsgate/channels/message.h"
#include "wsgate/channels/upstream_internal.h"

enum { VALUES_MAX = 4096 }; /* of a payload: they are sent in one turn */

static void note_bad(struct upstream *upstream, enum upstream_outcome outcome,
                     const struct channel *channel)
{
    if (outcome == OUTCOME_TOO_BIG) {
        upstream->too_big++;
        log_warn("message_too_big", "channel=%s", channel->name.ptr);
    } else if (outcome == OUTCOME_INVALID) {
        upstream->invalid++;
        log_warn("message_invalid", "channel=%s why=\"not JSON or not UTF-8\"",
                 channel->name.ptr);
    }
}

void upstream_log_told(const struct upstream *upstream, struct channel *channel)
{
    log_debug("broadcast", "channel=%s seq=%" PRIu64 " clients=%" PRIu32,
              channel->name.ptr, channel->seq,
              channel_clients(&upstream->channels, channel));
}

/* Somebody's own, though it came on a channel for everybody?  It belongs to that
 * one's channel, which nobody can have without a token. */
bool upstream_is_private(struct upstream *upstream,
                         const struct upstream_channel *u, struct span payload)
{
    return u->mixed && route_private_target(upstream->config.routes, payload,
                                            &upstream->scratch);
}

/* Before anything is copied of it. */
static bool is_too_big(const struct upstream *upstream,
                       const struct channel *channel, struct span payload)
{
    return message_update_max(channel->prefix, payload) >
           framelog_max(&upstream->fanout->log);
}

/* Unless it is private, or what the cache said already. */
static enum upstream_outcome publish(struct upstream *upstream,
                                     struct channel *channel,
                                     const struct channel_message *m)
{
    struct upstream_channel *u = upstream_channel_of(channel);

    if (is_too_big(upstream, channel, m->payload))
        return OUTCOME_TOO_BIG;
    if (upstream_is_private(upstream, u, m->payload))
        return OUTCOME_PRIVATE;
    if (u->n_taken > 0 && !m->local) {
        switch (upstream_taken_again(upstream, u, m->payload)) {
        case UPSTREAM_NEW:
            break;
        case UPSTREAM_DUPLICATE:
            return OUTCOME_DUPLICATE;
        case UPSTREAM_OUTDATED:
            channel->seq++; /* who counts sees that one is missing */
            return OUTCOME_OUTDATED;
        }
    }
    switch (channel_publish(&upstream->channels, channel, m)) {
    case CHANNEL_OK:
        upstream_told(upstream, channel);
        break;
    case CHANNEL_NOT_JSON:
        return OUTCOME_INVALID;
    case CHANNEL_TOO_BIG:
        return OUTCOME_TOO_BIG;
    }
    return OUTCOME_DELIVERED;
}

static bool is_bad(enum upstream_outcome outcome)
{
    return outcome == OUTCOME_INVALID || outcome == OUTCOME_TOO_BIG;
}

static void count(struct upstream *upstream, enum upstream_outcome outcome,
                  const struct channel *channel, bool local)
{
    if (!local)
        upstream->outcome[outcome]++;
    if (is_bad(outcome))
        note_bad(upstream, outcome, channel);
}

/* Its lines, each one value; false: there are none.  A payload with more of them
 * than there may be is cut off there, and that counts as one more. */
static bool deliver_lines(struct upstream *upstream, struct channel *channel,
                          struct channel_message m)
{
    const char *at = m.payload.ptr, *end = at + m.payload.len;
    unsigned n = 0;

    while (at < end) {
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        const char *stop = lf ? lf : end;
        m.payload = span_make(at, (size_t)(stop - at));
        at = stop + 1;
        if (m.payload.len > 0 && m.payload.ptr[m.payload.len - 1] == '\r')
            m.payload.len--;
        if (m.payload.len == 0)
            continue;
        if (n++ == VALUES_MAX) {
            count(upstream, OUTCOME_TOO_BIG, channel, m.local);
            break;
        }
        count(upstream, publish(upstream, channel, &m), channel, m.local);
    }
    return n > 0;
}

/* A payload is one JSON value, or several with line feeds between them. */
void upstream_deliver(struct upstream *upstream, struct channel *channel,
                      struct span payload, bool local)
{
    struct channel_message m;
    enum upstream_outcome outcome;

    upstream_begin_turn(upstream);
    m = (struct channel_message){.payload = payload,
                                 .now_ms = upstream->now_ms,
                                 .mono_ms = upstream->mono_ms,
                                 .local = local};
    outcome = publish(upstream, channel, &m);
    if (is_bad(outcome) && memchr(payload.ptr, '\n', payload.len) &&
        deliver_lines(upstream, channel, m))
        return;
    count(upstream, outcome, channel, local);
}

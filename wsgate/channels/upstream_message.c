/* One payload, from Redis or standard input: its values become messages. */
#include <inttypes.h>

#include "wsgate/channels/upstream_internal.h"

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

void upstream_log_told(const struct channel *channel)
{
    log_debug("broadcast", "channel=%s seq=%" PRIu64 " clients=%" PRIu32,
              channel->name.ptr, channel->seq, channel_clients(channel));
}

/* Somebody's own, though it came on a channel for everybody?  It belongs to that
 * one's channel, which nobody can have without a token. */
bool upstream_is_private(struct upstream *upstream,
                         const struct upstream_channel *u, struct span payload)
{
    return u->mixed && route_private_target(upstream->config.routes, payload,
                                            &upstream->scratch);
}

/* Unless it is private, or what the cache said already. */
static enum upstream_outcome publish(struct upstream *upstream,
                                     struct channel *channel,
                                     const struct channel_message *m)
{
    struct upstream_channel *u = upstream_channel_of(channel);

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
        upstream_told(channel);
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

/* Its lines, each one value; false: there are none. */
static bool deliver_lines(struct upstream *upstream, struct channel *channel,
                          struct channel_message m)
{
    const char *at = m.payload.ptr, *end = at + m.payload.len;
    bool any = false;

    while (at < end) {
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        const char *stop = lf ? lf : end;
        m.payload = span_make(at, (size_t)(stop - at));
        at = stop + 1;
        if (m.payload.len > 0 && m.payload.ptr[m.payload.len - 1] == '\r')
            m.payload.len--;
        if (m.payload.len == 0)
            continue;
        count(upstream, publish(upstream, channel, &m), channel, m.local);
        any = true;
    }
    return any;
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

#include "wsgate/client/share.h"

#include "common/event/channel_name.h"
#include "wsgate/channels/upstream.h"
#include "wsgate/client/clients.h"

const char *share_refusal(const struct client *c, struct span name)
{
    const struct peer *p = c->peer;

    if (p->subscriptions >=
        (uint64_t)c->registry->options.max_address_subscriptions)
        return "too many subscriptions from this address";
    if (channel_name_is_pattern(name) && p->patterns >= SHARE_PATTERNS_MAX)
        return "too many wildcards from this address";
    return NULL;
}

uint32_t share_open(struct client *c, struct span name, enum dialect dialect,
                    uint32_t interval_ms, const char **why)
{
    bool pattern = channel_name_is_pattern(name);
    uint32_t opened =
        upstream_open(c->registry->upstream, name, dialect, interval_ms);

    if (opened == NO_SUBSCRIPTION) {
        *why = pattern ? "this gateway has too many wildcards"
                       : "this gateway has too many channels";
        return opened;
    }
    c->peer->subscriptions++;
    c->peer->patterns += pattern;
    return opened;
}

void share_close(struct client *c, uint32_t subscription)
{
    c->peer->subscriptions--;
    c->peer->patterns -= (subscription & SUBSCRIPTION_PATTERN) != 0;
    upstream_close(c->registry->upstream, subscription);
}

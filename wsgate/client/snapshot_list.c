/* What is still to be shown, in the order in which it was asked for. */
#include <stdlib.h>

#include "wsgate/channels/pattern.h"
#include "wsgate/channels/upstream.h"
#include "wsgate/client/clients.h"
#include "wsgate/client/snapshot.h"

struct snapshots *snapshots_new(uint32_t n)
{
    return mem_zero(sizeof(struct snapshots) +
                    n * sizeof(struct snapshot_item));
}

void snapshots_add(const struct channels *cs, struct snapshots *s,
                   uint32_t subscription)
{
    struct snapshot_item *item = &s->items[s->n];

    if (!(subscription & SUBSCRIPTION_PATTERN)) {
        snapshots_add_owed(cs, s, subscription, 0, false);
        return;
    }
    s->n++;
    item->subscription = subscription;
    item->pattern =
        mem_str(channels_pattern_of(cs, subscription)->pattern->name);
}

void snapshots_add_owed(const struct channels *cs, struct snapshots *s,
                        uint32_t stream, uint64_t owed, bool older)
{
    s->items[s->n++] = (struct snapshot_item){
        .subscription = channels_view_of(cs, stream)->channel->native.stream.id,
        .owed = owed,
        .older = older};
}

void snapshots_drop(struct snapshots *s)
{
    for (uint32_t i = 0; i < s->n; i++)
        free(s->items[i].pattern);
    free(s);
}

void snapshots_append(struct client *c, struct snapshots *s)
{
    struct snapshots **at = &c->snapshots;

    while (*at)
        at = &(*at)->next;
    *at = s;
}

void snapshots_queue(struct client *c, struct snapshots *s)
{
    if (s->n == 0) {
        snapshots_drop(s);
        return;
    }
    s->from = c->registry->fanout->log.head;
    snapshots_append(c, s);
}

void snapshots_free(struct client *c)
{
    while (c->snapshots) {
        struct snapshots *s = c->snapshots;
        c->snapshots = s->next;
        snapshots_drop(s);
    }
    c->registry->late -= c->n_late;
    free(c->late);
    c->late = NULL;
    c->n_late = 0;
}

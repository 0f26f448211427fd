#include "wsgate/client/request.h"

#include <stdlib.h>

#include "wsgate/channels/upstream.h"
#include "wsgate/client/clients.h"
#include "wsgate/client/share.h"
#include "wsgate/client/stats.h"

struct request *request_new(struct client *c)
{
    struct request *r = mem_zero(sizeof *r);
    struct clients *registry = c->registry;

    r->client = c;
    bytes_init(&r->id);
    bytes_init(&r->text);
    r->next_of_client = c->requests;
    c->requests = r;
    r->next = registry->pending;
    if (r->next)
        r->next->prev = r;
    registry->pending = r;
    return r;
}

void request_free(struct request *r)
{
    struct clients *registry = r->client->registry;
    struct request **at = &r->client->requests;

    while (*at != r)
        at = &(*at)->next_of_client;
    *at = r->next_of_client;
    if (r->prev)
        r->prev->next = r->next;
    else
        registry->pending = r->next;
    if (r->next)
        r->next->prev = r->prev;
    for (uint32_t i = 0; i < r->n_items; i++) {
        if (r->items[i].subscription != NO_SUBSCRIPTION && !r->items[i].taken)
            share_close(r->client, r->items[i].subscription);
    }
    bytes_close(&r->id);
    bytes_close(&r->text);
    free(r->items);
    free(r);
}

struct subscribe_item *request_add(struct request *r, struct span name)
{
    struct subscribe_item *item;

    if (r->n_items == r->cap_items) {
        r->cap_items = r->cap_items == 0 ? 1 : r->cap_items * 2;
        r->items = mem_grow(r->items, r->cap_items * sizeof *r->items);
    }
    item = &r->items[r->n_items++];
    *item = (struct subscribe_item){.subscription = NO_SUBSCRIPTION,
                                    .name_at = (uint32_t)r->text.len,
                                    .name_len = (uint16_t)name.len};
    bytes_add_span(&r->text, name);
    return item;
}

void request_since(struct request *r, struct subscribe_item *item,
                   struct span since)
{
    if (since.len > UINT16_MAX)
        since.len = 0;
    item->gap = true;
    item->since_at = (uint32_t)r->text.len;
    item->since_len = (uint16_t)since.len;
    bytes_add_span(&r->text, since);
}

void request_refuse(struct subscribe_item *item, const char *code,
                    const char *text)
{
    item->code = code;
    item->text = text;
    stats_refused(code);
}

/* Where nothing was added yet, text.ptr is NULL. */
static struct span part(const struct request *r, uint32_t at, uint16_t len)
{
    return len == 0 ? span_make("", 0) : span_make(r->text.ptr + at, len);
}

struct span request_item_name(const struct request *r,
                              const struct subscribe_item *item)
{
    return part(r, item->name_at, item->name_len);
}

struct span request_item_since(const struct request *r,
                               const struct subscribe_item *item)
{
    return part(r, item->since_at, item->since_len);
}

bool request_is_settled(struct request *r)
{
    const struct upstream *upstream = r->client->registry->upstream;

    while (r->settled < r->n_items &&
           (r->items[r->settled].subscription == NO_SUBSCRIPTION ||
            upstream_is_settled(upstream, r->items[r->settled].subscription)))
        r->settled++;
    return r->settled == r->n_items;
}

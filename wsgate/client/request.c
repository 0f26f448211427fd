#include "wsgate/client/request.h"

#include <stdlib.h>

#include "wsgate/channels/hub.h"

struct request *request_new(struct client *c)
{
    struct request *r = mem_zero(sizeof *r);
    struct clients *all = c->all;

    r->client = c;
    bytes_init(&r->id);
    bytes_init(&r->text);
    r->next_of_client = c->requests;
    c->requests = r;
    r->next = all->pending;
    if (r->next)
        r->next->prev = r;
    all->pending = r;
    return r;
}

void request_free(struct request *r)
{
    struct clients *all = r->client->all;
    struct request **at = &r->client->requests;

    while (*at != r)
        at = &(*at)->next_of_client;
    *at = r->next_of_client;
    if (r->prev)
        r->prev->next = r->next;
    else
        all->pending = r->next;
    if (r->next)
        r->next->prev = r->prev;
    for (uint32_t i = 0; i < r->n_wants; i++) {
        if (r->wants[i].topic != HUB_NO_TOPIC)
            hub_close(all->gate->hub, r->wants[i].topic);
    }
    bytes_close(&r->id);
    bytes_close(&r->text);
    free(r->wants);
    free(r);
}

struct want *request_add(struct request *r, struct span name)
{
    struct want *w;

    if (r->n_wants == r->cap_wants) {
        r->cap_wants = r->cap_wants == 0 ? 1 : r->cap_wants * 2;
        r->wants = mem_grow(r->wants, r->cap_wants * sizeof *r->wants);
    }
    w = &r->wants[r->n_wants++];
    *w = (struct want){.topic = HUB_NO_TOPIC,
                       .name_at = (uint32_t)r->text.len,
                       .name_len = (uint16_t)name.len};
    bytes_add_span(&r->text, name);
    return w;
}

void request_since(struct request *r, struct want *w, struct span since)
{
    if (since.len > UINT16_MAX)
        since.len = 0;
    w->gap = true;
    w->since_at = (uint32_t)r->text.len;
    w->since_len = (uint16_t)since.len;
    bytes_add_span(&r->text, since);
}

/* Where nothing was added yet, text.ptr is NULL. */
static struct span part(const struct request *r, uint32_t at, uint16_t len)
{
    return len == 0 ? span_make("", 0) : span_make(r->text.ptr + at, len);
}

struct span want_name(const struct request *r, const struct want *w)
{
    return part(r, w->name_at, w->name_len);
}

struct span want_since(const struct request *r, const struct want *w)
{
    return part(r, w->since_at, w->since_len);
}

bool request_is_settled(struct request *r)
{
    const struct hub *hub = r->client->all->gate->hub;

    while (r->settled < r->n_wants &&
           (r->wants[r->settled].topic == HUB_NO_TOPIC ||
            hub_is_settled(hub, r->wants[r->settled].topic)))
        r->settled++;
    return r->settled == r->n_wants;
}

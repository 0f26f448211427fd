#include "wsgate/client/clients.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "wsgate/client/inbox.h"

enum { LEAVE_TICK_MS = 50 };

/* --- addresses and the wheel --- */

static bool peer_is(const struct node *n, struct span address)
{
    return span_is(address, node_of(struct peer, node, n)->address);
}

static struct peer *peer_get(struct clients *registry, const char *address)
{
    struct node *n = table_find(&registry->peers, span_str(address));
    struct peer *p;
    size_t len;

    if (n)
        return node_of(struct peer, node, n);
    p = mem_zero(sizeof *p);
    len = strlen(address);
    if (len >= sizeof p->address)
        len = sizeof p->address - 1;
    memcpy(p->address, address, len);
    table_add(&registry->peers, &p->node, span_make(p->address, len));
    return p;
}

static void peer_put(struct clients *registry, struct peer *p)
{
    if (--p->count == 0) {
        table_remove(&registry->peers, &p->node);
        free(p);
    }
}

bool clients_admit(struct clients *registry, const char *address,
                   const char **why)
{
    const struct clients_options *o = &registry->options;
    struct node *n = table_find(&registry->peers, span_str(address));

    if (registry->stopping)
        *why = "this gateway is going away";
    else if (registry->count >= (uint64_t)o->max_connections)
        *why = "this gateway is full";
    else if (n && node_of(struct peer, node, n)->count >=
                      (uint64_t)o->max_per_address)
        *why = "too many connections from this address";
    else
        return true;
    return false;
}

static void wheel_add(struct clients *registry, struct client *c)
{
    struct wheel_bucket *s = &registry->wheel[registry->next_bucket];

    c->bucket = (uint8_t)registry->next_bucket;
    registry->next_bucket = (registry->next_bucket + 1) % WHEEL_BUCKETS;
    if (s->count == s->cap) {
        s->cap = s->cap == 0 ? 16 : s->cap * 2;
        s->at = mem_grow(s->at, s->cap * sizeof *s->at);
    }
    c->bucket_at = s->count;
    s->at[s->count++] = c;
}

static void wheel_remove(struct clients *registry, struct client *c)
{
    struct wheel_bucket *s = &registry->wheel[c->bucket];
    struct client *last = s->at[--s->count];

    s->at[c->bucket_at] = last;
    last->bucket_at = c->bucket_at;
}

void clients_each(struct clients *registry,
                  void (*fn)(void *arg, struct client *c), void *arg)
{
    for (int i = 0; i < WHEEL_BUCKETS; i++) {
        /* Downwards: fn may end the client that it is given. */
        for (uint32_t k = registry->wheel[i].count; k-- > 0;)
            fn(arg, registry->wheel[i].at[k]);
    }
}

void clients_add(struct clients *registry, struct client *c,
                 const char *address)
{
    c->peer = peer_get(registry, address);
    c->peer->count++;
    wheel_add(registry, c);
    registry->count++;
    registry->total++;
}

void clients_remove(struct clients *registry, struct client *c)
{
    wheel_remove(registry, c);
    peer_put(registry, c->peer);
    for (uint32_t i = 0; i < registry->n_leaving; i++) {
        if (registry->leaving[i].client == c)
            registry->leaving[i--] = registry->leaving[--registry->n_leaving];
    }
}

/* --- those that were told to go --- */

static void on_leave_timer(uv_timer_t *t)
{
    struct clients *registry = t->data;
    uint64_t now = clock_mono_ms();

    for (uint32_t i = registry->n_leaving; i-- > 0;) {
        if (i < registry->n_leaving &&
            registry->leaving[i].until_mono_ms <= now)
            client_end(registry->leaving[i].client, WS_CLOSE_ABNORMAL,
                       "did not close in time");
    }
    if (registry->n_leaving == 0)
        uv_timer_stop(t);
}

void clients_leaving(struct clients *registry, struct client *c)
{
    uint64_t wait = registry->stopping ? CLIENT_CLOSE_MS / 2 : CLIENT_CLOSE_MS;

    if (registry->n_leaving == registry->cap_leaving) {
        registry->cap_leaving =
            registry->cap_leaving == 0 ? 64 : registry->cap_leaving * 2;
        registry->leaving =
            mem_grow(registry->leaving,
                     registry->cap_leaving * sizeof *registry->leaving);
    }
    registry->leaving[registry->n_leaving++] =
        (struct leaving){.client = c, .until_mono_ms = clock_mono_ms() + wait};
    if (!uv_is_active((uv_handle_t *)&registry->leave_timer))
        uv_timer_start(&registry->leave_timer, on_leave_timer, LEAVE_TICK_MS,
                       LEAVE_TICK_MS);
}

/* --- life --- */

struct clients *clients_new(uv_loop_t *loop,
                            const struct clients_options *options,
                            struct upstream *upstream, struct fanout *fanout,
                            activity_fn *on_activity, void *arg)
{
    struct clients *registry = mem_zero(sizeof *registry);

    registry->loop = loop;
    registry->options = *options;
    registry->upstream = upstream;
    registry->fanout = fanout;
    registry->on_activity = on_activity;
    registry->on_activity_arg = arg;
    fanout->io = &client_io;
    registry->pool =
        ws_pool_new((size_t)options->allowance.max_message_bytes, false);
    registry->echo_pool = ws_pool_new(CLIENT_ECHO_BYTES, true);
    registry->inboxes = inboxes_new(registry);
    table_init(&registry->peers, peer_is);
    uv_timer_init(loop, &registry->leave_timer);
    uv_timer_init(loop, &registry->pending_timer);
    registry->leave_timer.data = registry->pending_timer.data = registry;
    return registry;
}

void clients_stop(struct clients *registry)
{
    uv_close((uv_handle_t *)&registry->leave_timer, NULL);
    uv_close((uv_handle_t *)&registry->pending_timer, NULL);
    inboxes_stop(registry->inboxes);
}

void clients_free(struct clients *registry)
{
    if (!registry)
        return;
    for (int i = 0; i < WHEEL_BUCKETS; i++)
        free(registry->wheel[i].at);
    ws_pool_free(registry->pool);
    ws_pool_free(registry->echo_pool);
    table_close(&registry->peers);
    inboxes_free(registry->inboxes);
    free(registry->leaving);
    free(registry);
}

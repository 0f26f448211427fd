#include "wsgate/client/client.h"

#include <stdlib.h>

#include "common/base/clock.h"

enum { LEAVE_TICK_MS = 50 };

/* --- addresses and the wheel --- */

static bool peer_is(const struct node *n, struct span address)
{
    return span_is(address, node_of(struct peer, node, n)->address);
}

static struct peer *peer_get(struct clients *all, const char *address)
{
    struct node *n = table_find(&all->peers, span_str(address));
    struct peer *p;
    size_t len;

    if (n)
        return node_of(struct peer, node, n);
    p = mem_zero(sizeof *p);
    len = strlen(address);
    if (len >= sizeof p->address)
        len = sizeof p->address - 1;
    memcpy(p->address, address, len);
    table_add(&all->peers, &p->node, span_make(p->address, len));
    return p;
}

static void peer_put(struct clients *all, struct peer *p)
{
    if (--p->count == 0) {
        table_remove(&all->peers, &p->node);
        free(p);
    }
}

bool clients_admit(struct clients *all, const char *address, const char **why)
{
    const struct options *o = all->gate->opts;
    struct node *n = table_find(&all->peers, span_str(address));

    if (all->stopping)
        *why = "this gateway is going away";
    else if (all->count >= (uint64_t)o->max_connections)
        *why = "this gateway is full";
    else if (n && node_of(struct peer, node, n)->count >=
                      (uint64_t)o->max_per_address)
        *why = "too many connections from this address";
    else
        return true;
    return false;
}

static void wheel_add(struct clients *all, struct client *c)
{
    struct spoke *s = &all->wheel[all->next_spoke];

    c->spoke = (uint8_t)all->next_spoke;
    all->next_spoke = (all->next_spoke + 1) % WHEEL_SPOKES;
    if (s->count == s->cap) {
        s->cap = s->cap == 0 ? 16 : s->cap * 2;
        s->at = mem_grow(s->at, s->cap * sizeof *s->at);
    }
    c->spoke_at = s->count;
    s->at[s->count++] = c;
}

static void wheel_remove(struct clients *all, struct client *c)
{
    struct spoke *s = &all->wheel[c->spoke];
    struct client *last = s->at[--s->count];

    s->at[c->spoke_at] = last;
    last->spoke_at = c->spoke_at;
}

void clients_each(struct clients *all, void (*fn)(void *arg, struct client *c),
                  void *arg)
{
    for (int i = 0; i < WHEEL_SPOKES; i++) {
        /* Downwards: fn may end the client that it is given. */
        for (uint32_t k = all->wheel[i].count; k-- > 0;)
            fn(arg, all->wheel[i].at[k]);
    }
}

void clients_add(struct clients *all, struct client *c, const char *address)
{
    c->peer = peer_get(all, address);
    c->peer->count++;
    wheel_add(all, c);
    all->count++;
    all->total++;
}

void clients_remove(struct clients *all, struct client *c)
{
    wheel_remove(all, c);
    peer_put(all, c->peer);
    for (uint32_t i = 0; i < all->n_leaving; i++) {
        if (all->leaving[i].client == c)
            all->leaving[i--] = all->leaving[--all->n_leaving];
    }
}

/* --- those that were told to go --- */

static void on_leave_timer(uv_timer_t *t)
{
    struct clients *all = t->data;
    uint64_t now = clock_mono_ms();

    for (uint32_t i = all->n_leaving; i-- > 0;) {
        if (i < all->n_leaving && all->leaving[i].until_mono_ms <= now)
            client_end(all->leaving[i].client, WS_CLOSE_ABNORMAL,
                       "did not answer the close frame");
    }
    if (all->n_leaving == 0)
        uv_timer_stop(t);
}

void clients_leaving(struct clients *all, struct client *c)
{
    uint64_t wait = all->stopping ? CLIENT_CLOSE_MS / 2 : CLIENT_CLOSE_MS;

    if (all->n_leaving == all->cap_leaving) {
        all->cap_leaving = all->cap_leaving == 0 ? 64 : all->cap_leaving * 2;
        all->leaving =
            mem_grow(all->leaving, all->cap_leaving * sizeof *all->leaving);
    }
    all->leaving[all->n_leaving++] =
        (struct leaving){.client = c, .until_mono_ms = clock_mono_ms() + wait};
    if (!uv_is_active((uv_handle_t *)&all->leave_timer))
        uv_timer_start(&all->leave_timer, on_leave_timer, LEAVE_TICK_MS,
                       LEAVE_TICK_MS);
}

/* --- life --- */

void clients_new(struct wsgate *w)
{
    struct clients *all = mem_zero(sizeof *all);

    all->gate = w;
    w->clients = all;
    w->fan->io = &client_io;
    all->pool = ws_pool_new((size_t)w->opts->max_message_bytes);
    all->read_buf = mem_alloc(CLIENT_READ_BYTES);
    table_init(&all->peers, peer_is);
    bytes_init(&all->answers);
    uv_timer_init(&w->app->loop, &all->leave_timer);
    uv_timer_init(&w->app->loop, &all->pending_timer);
    all->leave_timer.data = all->pending_timer.data = all;
}

void clients_stop(struct clients *all)
{
    uv_close((uv_handle_t *)&all->leave_timer, NULL);
    uv_close((uv_handle_t *)&all->pending_timer, NULL);
}

void clients_free(struct clients *all)
{
    if (!all)
        return;
    for (int i = 0; i < WHEEL_SPOKES; i++)
        free(all->wheel[i].at);
    ws_pool_free(all->pool);
    table_close(&all->peers);
    bytes_close(&all->answers);
    free(all->read_buf);
    free(all->leaving);
    free(all);
}

#include "tests/tools/load/publisher.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/clock.h"

enum {
    STOCK_EVERY = 10,
    FRESH_EVERY = 100,
    IDLE_NS = 5000000,
    BURST_MAX = 4096, /* messages of one turn */
};

bool publisher_open(struct publisher *p, int epoll, unsigned port,
                    const struct field *f)
{
    peer_init(&p->peer);
    p->epoll = epoll;
    p->newest = mem_zero(f->slots * sizeof *p->newest);
    return peer_open(&p->peer, epoll, 1, port, NULL, 0);
}

void publisher_on_event(struct publisher *p, uint32_t events)
{
    /* The replies are nobody's: the next read drops them. */
    if (peer_on_event(&p->peer, p->epoll, events, 1 << 16) == PEER_DATA)
        p->peer.in_at = p->peer.in.len;
}

void publisher_begin(struct publisher *p)
{
    p->begun_ns = clock_mono_ns();
    p->begun_wall_ns = clock_wall_ns();
    p->begun = true;
}

static void word(struct bytes *out, struct span text)
{
    bytes_printf(out, "$%zu\r\n", text.len);
    bytes_add_span(out, text);
    bytes_add_str(out, "\r\n");
}

static void command(struct bytes *out, const char *const *words, unsigned n)
{
    bytes_printf(out, "*%u\r\n", n);
    for (unsigned i = 0; i < n; i++)
        word(out, span_str(words[i]));
}

static void send_one(struct publisher *p, const struct field *f, unsigned slot,
                     int64_t due_ns)
{
    bool is_stock = slot >= f->channels && slot < f->channels + f->stocks;
    bool is_fresh = slot >= f->channels + f->stocks;
    int64_t count = ++p->newest[slot];
    char symbol[32], channel[64], key[80], text[256];
    struct bytes out;

    if (is_fresh)
        snprintf(symbol, sizeof symbol, "N%" PRId64,
                 count * ORDINARY_FRESH + slot);
    else
        snprintf(symbol, sizeof symbol, "S%u", slot);
    snprintf(channel, sizeof channel,
             is_stock ? "stock:price_updates" : "market_data:%s", symbol);
    snprintf(key, sizeof key, "last:%s", channel);
    snprintf(text, sizeof text,
             "{\"type\":\"%s\",\"symbol\":\"%s\",\"k\":%u,\"n\":%" PRId64
             ",\"t\":%019" PRId64 ",\"time\":%" PRId64
             ",\"bid\":95000.50,\"ask\":95001.50}",
             is_stock ? "price_update" : "tick", symbol, slot, count, due_ns,
             due_ns / 1000000);
    bytes_init(&out);
    if (p->cache && !is_stock) {
        command(&out, (const char *const[]){"MULTI"}, 1);
        command(&out, (const char *const[]){"HSET", key, "tick", text}, 4);
    }
    command(&out, (const char *const[]){"PUBLISH", channel, text}, 3);
    if (p->cache && !is_stock)
        command(&out, (const char *const[]){"EXEC"}, 1);
    if (peer_send(&p->peer, p->epoll, bytes_span(&out)))
        p->published++;
    bytes_close(&out);
}

static unsigned fresh_slot(const struct publisher *p, const struct field *f)
{
    return f->channels + f->stocks +
           (unsigned)(p->turn / FRESH_EVERY % ORDINARY_FRESH);
}

/* The channels have a count of their own: a turn that is somebody else's must
 * not leave one of them out for ever. */
static unsigned slot_of_turn(struct publisher *p, const struct field *f)
{
    unsigned loud = f->channels - p->quiet;

    if (p->turn % FRESH_EVERY == 0)
        return fresh_slot(p, f);
    if (p->turn % STOCK_EVERY == 1)
        return f->channels + (unsigned)(p->turn / STOCK_EVERY % f->stocks);
    return p->quiet + (unsigned)(p->channel_turn++ * 7919 % loud);
}

uint64_t publisher_run(struct publisher *p, const struct field *f,
                       uint64_t now_ns)
{
    double every_ns = 1e9 / p->rate, since_ns;
    unsigned n = 0;

    if (p->rate <= 0 || !p->begun || now_ns < p->begun_ns)
        return IDLE_NS;
    since_ns = (double)(now_ns - p->begun_ns);
    while ((double)p->done * every_ns <= since_ns && n++ < BURST_MAX) {
        int64_t due = (int64_t)((double)p->done * every_ns);
        p->turn++;
        send_one(p, f, slot_of_turn(p, f), p->begun_wall_ns + due);
        p->done++;
    }
    since_ns = (double)p->done * every_ns - since_ns;
    return since_ns <= 0 ? 0 : (uint64_t)since_ns;
}

void publisher_floor(const struct publisher *p, struct field *f)
{
    memcpy(f->floor, p->newest, f->slots * sizeof *f->floor);
    memset(f->floor + f->channels + f->stocks, 0,
           ORDINARY_FRESH * sizeof *f->floor);
}

void publisher_all(struct publisher *p, struct field *f, unsigned fresh)
{
    for (unsigned slot = 0; slot < f->channels + f->stocks; slot++)
        send_one(p, f, slot, clock_wall_ns());
    publisher_floor(p, f);
    for (unsigned i = 0; i < fresh; i++) {
        unsigned slot = f->channels + f->stocks + i % ORDINARY_FRESH;
        send_one(p, f, slot, clock_wall_ns());
        f->floor[slot] = p->newest[slot];
    }
}

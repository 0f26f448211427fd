#include "tests/tools/load/ordinary.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"

enum {
    READ_MAX = 1 << 18,
    AGAIN_MS = 200, /* after a connection was lost */
    STAY_MS = 1000, /* a newcomer, after it heard something */
    MS = 1000000,
    TICKS = 100, /* a second */
    SLOW_RCVBUF = 8192,
    /* Not the kernel's, which grows to megabytes: who stalls is to be behind
     * within seconds. */
    TAPE_RCVBUF = 1 << 17,
};

static const char *const names[ORDINARY_KINDS] = {
    "named", "tape", "wild", "interval", "stock", "slow", "comer"};

enum ordinary_kind ordinary_kind_of(const char *name)
{
    unsigned i = 0;

    while (i < ORDINARY_KINDS && strcmp(names[i], name) != 0)
        i++;
    return (enum ordinary_kind)i;
}

void ordinary_init(struct ordinary *o, const struct field *f,
                   enum ordinary_kind kind, unsigned index)
{
    *o = (struct ordinary){.kind = kind, .index = index};
    peer_init(&o->peer);
    o->last = mem_zero(f->slots * sizeof *o->last);
}

/* --- what it asks for --- */

static unsigned first_of(const struct ordinary *o, const struct field *f)
{
    return o->index * 7 % f->channels;
}

static bool takes(const struct ordinary *o, const struct field *f,
                  unsigned slot)
{
    bool is_channel = slot < f->channels;
    bool is_stock = !is_channel && slot < f->channels + f->stocks;

    switch (o->kind) {
    case ORDINARY_NAMED:
        return is_channel &&
               (slot + f->channels - first_of(o, f)) % f->channels < f->takes;
    case ORDINARY_TAPE:
        return is_channel;
    case ORDINARY_WILD:
    case ORDINARY_INTERVAL:
    case ORDINARY_SLOW:
        return !is_stock;
    case ORDINARY_STOCK:
        return is_stock;
    case ORDINARY_COMER:
    case ORDINARY_KINDS:
        break;
    }
    return false;
}

static bool is_stock(const struct ordinary *o)
{
    return o->kind == ORDINARY_STOCK ||
           (o->kind == ORDINARY_COMER && o->index % 2 == 1);
}

/* Reads all that comes, so it must not wait for it. */
static bool keeps_up(const struct ordinary *o)
{
    return (o->kind == ORDINARY_NAMED || o->kind == ORDINARY_TAPE ||
            o->kind == ORDINARY_WILD || o->kind == ORDINARY_STOCK) &&
           !o->peer.deaf;
}

static void ask(struct ordinary *o, const struct field *f)
{
    struct bytes text, frame;
    unsigned n = o->kind == ORDINARY_TAPE ? f->channels : f->takes;

    if (is_stock(o)) {
        o->answered = true; /* it asks for nothing */
        return;
    }
    bytes_init(&text);
    bytes_init(&frame);
    bytes_add_str(&text, "{\"type\":\"subscribe\",\"id\":1,\"channels\":[");
    if (o->kind == ORDINARY_WILD || o->kind == ORDINARY_INTERVAL ||
        o->kind == ORDINARY_SLOW)
        bytes_add_str(&text, "\"market_data:*\"");
    else
        for (unsigned i = 0; i < n; i++)
            bytes_printf(&text, "%s\"market_data:S%u\"", i > 0 ? "," : "",
                         (first_of(o, f) + i) % f->channels);
    bytes_printf(&text, "]%s}",
                 o->kind == ORDINARY_INTERVAL ? ",\"interval_ms\":250" : "");
    peer_add_frame(&frame, PEER_TEXT, bytes_span(&text));
    (void)peer_send(&o->peer, f->epoll, bytes_span(&frame));
    bytes_close(&text);
    bytes_close(&frame);
}

/* --- what it sees --- */

static void fault(struct field *f, const struct ordinary *o, struct span what)
{
    if (f->tally.first_fault[0] == '\0')
        snprintf(f->tally.first_fault, sizeof f->tally.first_fault,
                 "%s %u: %.*s", names[o->kind], o->index, SPAN_ARG(what));
}

static void measure_silence(struct ordinary *o, struct field *f,
                            uint64_t now_ns)
{
    uint64_t ms = (now_ns - o->heard_ns) / MS;

    if (keeps_up(o) && ms > f->tally.silence_ms)
        f->tally.silence_ms = ms;
}

static void arrived(struct ordinary *o, struct field *f, uint64_t now_ns)
{
    if (o->kind != ORDINARY_COMER || o->heard)
        return;
    o->heard = true;
    o->next_ns = now_ns + (uint64_t)STAY_MS * MS;
    histogram_add(&f->tally.arrival, (now_ns - o->opened_ns) / 1000);
}

static void data(struct ordinary *o, struct field *f, struct span text,
                 bool is_update, uint64_t now_ns)
{
    const char *at = memmem(text.ptr, text.len, "\"k\":", 4);
    const char *end = text.ptr + text.len;
    unsigned long slot;
    int64_t count, due_ns;
    char *next;

    if (!at || end - at < 40)
        return;
    slot = strtoul(at + 4, &next, 10);
    count = strtoll(next + 5, &next, 10);
    due_ns = strtoll(next + 5, NULL, 10);
    if (slot >= f->slots)
        return;
    if (is_update && count <= o->last[slot])
        f->tally.older++;
    if (keeps_up(o)) {
        int64_t late_ns = clock_wall_ns() - due_ns;
        if (o->last[slot] > 0 && count > o->last[slot] + 1)
            f->tally.missed += (uint64_t)(count - o->last[slot] - 1);
        if (is_update)
            histogram_add(&f->tally.latency,
                          late_ns > 0 ? (uint64_t)late_ns / 1000 : 0);
    }
    if (count > o->last[slot])
        o->last[slot] = count;
    if (is_update)
        arrived(o, f, now_ns);
}

static void on_text(struct ordinary *o, struct field *f, struct span text,
                    uint64_t now_ns)
{
    bool is_update = span_starts(text, "{\"type\":\"update\"") ||
                     span_starts(text, "{\"type\":\"price_update\"");

    f->tally.received++;
    if (is_update || span_starts(text, "{\"type\":\"snapshot\"")) {
        data(o, f, text, is_update, now_ns);
        measure_silence(o, f, now_ns);
        o->heard_ns = now_ns;
    } else if (span_starts(text, "{\"type\":\"subscribed\"")) {
        o->answered = true;
        if (memmem(text.ptr, text.len, "\"ok\":false", 10)) {
            f->tally.denied++;
            fault(f, o, text);
        }
    } else if (span_starts(text, "{\"type\":\"error\"") ||
               span_starts(text, "{\"type\":\"gap\"") ||
               span_starts(text, "{\"type\":\"bye\"")) {
        f->tally.denied++;
        fault(f, o, text);
    }
}

static void on_frames(struct ordinary *o, struct field *f, uint64_t now_ns)
{
    struct peer_frame frame;

    while (peer_frame(&o->peer, &frame)) {
        uint64_t sent_ns;
        if (frame.opcode == PEER_TEXT) {
            on_text(o, f, frame.payload, now_ns);
        } else if (frame.opcode == PEER_PING) {
            struct bytes pong;
            bytes_init(&pong);
            peer_add_frame(&pong, PEER_PONG, frame.payload);
            (void)peer_send(&o->peer, f->epoll, bytes_span(&pong));
            bytes_close(&pong);
        } else if (frame.opcode == PEER_PONG &&
                   frame.payload.len == sizeof sent_ns && keeps_up(o)) {
            memcpy(&sent_ns, frame.payload.ptr, sizeof sent_ns);
            histogram_add(&f->tally.ping, (now_ns - sent_ns) / 1000);
        }
    }
}

/* --- coming and going --- */

void ordinary_waits(struct ordinary *o, uint64_t now_ns)
{
    o->opened_ns = o->heard_ns = now_ns;
    o->next_ns = now_ns + (uint64_t)ORDINARY_ARRIVE_MS * MS;
}

static int rcvbuf_of(const struct ordinary *o)
{
    if (o->kind == ORDINARY_SLOW)
        return SLOW_RCVBUF;
    return o->kind == ORDINARY_TAPE ? TAPE_RCVBUF : 0;
}

void ordinary_open(struct ordinary *o, struct field *f, uint64_t now_ns)
{
    memset(o->last, 0, f->slots * sizeof *o->last);
    o->answered = o->right = o->heard = false;
    ordinary_waits(o, now_ns);
    o->ping_ns = now_ns + f->ping_every_ns * (o->index % 100 + 1) / 100;
    if (!peer_open(&o->peer, f->epoll, 1, f->port,
                   is_stock(o) ? "/api/v1/ws" : "/ws", rcvbuf_of(o))) {
        f->tally.refused++;
        o->next_ns = now_ns + (uint64_t)AGAIN_MS * MS;
    }
}

static void lost(struct ordinary *o, struct field *f, bool refused,
                 uint64_t now_ns)
{
    char why[64];

    if (refused)
        f->tally.refused++;
    else
        f->tally.cut++;
    snprintf(why, sizeof why, "%s, close code %u", refused ? "refused" : "cut",
             o->peer.close_code);
    fault(f, o, span_str(why));
    o->next_ns = now_ns + (uint64_t)AGAIN_MS * MS;
}

static size_t read_max(const struct ordinary *o, const struct field *f)
{
    if (o->kind != ORDINARY_SLOW || f->unthrottled ||
        o->peer.state != PEER_OPEN)
        return READ_MAX;
    return o->read_credit > 0 ? o->read_credit : 1;
}

void ordinary_on_event(struct ordinary *o, struct field *f, uint32_t events,
                       uint64_t now_ns)
{
    uint64_t before = o->peer.received;

    switch (peer_on_event(&o->peer, f->epoll, events, read_max(o, f))) {
    case PEER_OPENED:
        ask(o, f);
        on_frames(o, f, now_ns);
        break;
    case PEER_DATA:
        on_frames(o, f, now_ns);
        break;
    case PEER_REFUSED:
        lost(o, f, true, now_ns);
        return;
    case PEER_ENDED:
        /* What it said last, a close code among it. */
        lost(o, f, false, now_ns);
        return;
    case PEER_NOTHING:
        break;
    }
    if (o->kind == ORDINARY_SLOW && !f->unthrottled &&
        o->peer.state == PEER_OPEN) {
        uint64_t took = o->peer.received - before;
        o->read_credit -= took < o->read_credit ? took : o->read_credit;
        if (o->read_credit == 0)
            peer_set_deaf(&o->peer, f->epoll, true);
    }
}

static void ping(struct ordinary *o, const struct field *f, uint64_t now_ns)
{
    struct bytes frame;

    bytes_init(&frame);
    peer_add_frame(&frame, PEER_PING,
                   span_make((const char *)&now_ns, sizeof now_ns));
    (void)peer_send(&o->peer, f->epoll, bytes_span(&frame));
    bytes_close(&frame);
    o->ping_ns = now_ns + f->ping_every_ns;
}

void ordinary_on_tick(struct ordinary *o, struct field *f, uint64_t now_ns)
{
    if (o->peer.state == PEER_CLOSED) {
        if (now_ns >= o->next_ns)
            ordinary_open(o, f, now_ns);
        return;
    }
    if (o->kind == ORDINARY_COMER && now_ns >= o->next_ns) {
        if (!o->heard || !o->answered) {
            f->tally.late++;
            fault(f, o, span_str("came and heard nothing"));
        }
        peer_close(&o->peer, false);
        o->next_ns = now_ns + (uint64_t)AGAIN_MS * MS;
        return;
    }
    if (o->peer.state != PEER_OPEN)
        return;
    measure_silence(o, f, now_ns);
    if (now_ns >= o->ping_ns && keeps_up(o))
        ping(o, f, now_ns);
    if (o->kind == ORDINARY_SLOW) {
        o->read_credit += f->slow_bytes / TICKS;
        if (o->peer.deaf)
            peer_set_deaf(&o->peer, f->epoll, false);
    }
}

bool ordinary_is_right(struct ordinary *o, const struct field *f)
{
    if (o->right || o->kind == ORDINARY_COMER)
        return true;
    if (!o->answered || o->peer.state != PEER_OPEN)
        return false;
    for (unsigned slot = 0; slot < f->slots; slot++) {
        if (o->last[slot] < f->floor[slot] && takes(o, f, slot))
            return false;
    }
    return o->right = true;
}

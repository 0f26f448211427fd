/*
 * model_feed.h -- who publishes: feeds as tickpub and bargen are, and people
 * with redis-cli.
 *
 * Each channel has one feed, which writes last:{channel} and publishes, mostly
 * in one transaction, and may start again with a new `src`.  Every message
 * begins with its number, by which clients and caches are judged: a higher
 * number is the newer one.
 */
#pragma once

#include "tests/unit/wsgate/model/model_conn.h"

enum kind { QUOTES, BARS, PRICES, STATUS, ALERTS, SECRET };
enum identity { RUN, TIME, NONE }; /* src, seq and time; time; nothing */

enum { BAR_MS = 60000, SYMBOLS = 6, BATCH_MAX = 4, CHANNELS = 19 };

static const struct channel_row {
    const char *name;
    enum kind kind;
    enum identity identity;
} rows[CHANNELS] = {
    {"market_data:A", QUOTES, RUN},
    {"market_data:B", QUOTES, RUN},
    {"market_data:C", QUOTES, TIME},
    {"market_data:D", QUOTES, NONE},
    {"market_data:E", QUOTES, RUN},
    {"market_data:F", QUOTES, RUN},
    {"bars:A:5", BARS, RUN},
    {"bars:A:D", BARS, RUN},
    {"bars:B:5", BARS, RUN},
    {"bars:B:D", BARS, NONE},
    {"stock:price_updates", PRICES, TIME},
    {"stock:market_status", STATUS, TIME},
    {"stock:trading_alerts", ALERTS, TIME},
    {"orderbook:A", QUOTES, RUN},
    {"orderbook:B", QUOTES, TIME},
    {"executions:7", SECRET, TIME},
    {"alerts:7", SECRET, TIME},
    {"prod:executions:42", SECRET, TIME},
    {"_notes:1", SECRET, TIME},
};

struct record {
    uint8_t channel;
    char type; /* the first letter of its type */
    bool numbered, secret, final;
    bool cached, published;
    bool arrived;       /* over the subscription link */
    bool parted;        /* HSET and PUBLISH were two commands ... */
    bool read_between;  /* ... and it was read between them */
    uint64_t read_step; /* the first time */
    int64_t extra;      /* bar time, number of the symbol */
    int64_t time_ms;    /* 0: none */
    uint64_t run, seq, rev, count;
};

struct feed {
    uint64_t run, seq;
    int64_t bar_ms;
    struct {
        uint64_t rev, count;
        bool final;
    } bars[64];
    struct bytes late; /* to be published: HSET has been done */
    uint32_t late_first;
    unsigned late_values;
};

static struct feeds {
    struct feed at[CHANNELS];
    struct record *records; /* from 1 */
    uint32_t n, cap;
    uint64_t runs;
} feeds;

static inline struct record *record_of(uint32_t number)
{
    return &feeds.records[number];
}

static const char *const type_names[] = {
    ['t'] = "tick",         ['r'] = "trade",         ['b'] = "bar",
    ['p'] = "price_update", ['s'] = "market_status", ['a'] = "trading_alert",
    ['e'] = "execution"};

/* Which message a payload is; 0: none of ours. */
static uint32_t record_in(struct span payload)
{
    if (payload.len < 8 || memcmp(payload.ptr, "{\"m\":", 5) != 0)
        return 0;
    return (uint32_t)strtoul(payload.ptr + 5, NULL, 10);
}

static bool same_slot(const struct record *a, const struct record *b)
{
    return a->channel == b->channel && a->type == b->type &&
           a->extra == b->extra;
}

/* By what both say of themselves (decision 0013, own time). */
static bool says_newer(const struct record *a, const struct record *b)
{
    if (a->numbered && b->numbered && a->run == b->run)
        return a->seq > b->seq;
    if (a->type == 'b' && b->type == 'b') {
        if (a->extra != b->extra)
            return a->extra > b->extra;
        if (a->rev != b->rev)
            return a->rev > b->rev;
        if (a->final != b->final)
            return a->final;
        return a->count > b->count;
    }
    return a->time_ms > 0 && b->time_ms > 0 && a->time_ms > b->time_ms;
}

static void record_show(int client, int channel, const char *what, uint32_t n)
{
    const struct record *r = record_of(n);

    trace(client, channel,
          "%s m=%u %s %s/%" PRId64 " r%" PRIu64 ":%" PRIu64 " t=%" PRId64 "%s",
          what, n, rows[r->channel].name, type_names[(int)r->type], r->extra,
          r->numbered ? r->run : 0, r->seq, r->time_ms % 10000000,
          r->parted ? " in two commands" : "");
}

/* --- one message --- */

static uint32_t record_new(unsigned channel)
{
    if (feeds.n + 1 >= feeds.cap) {
        feeds.cap = feeds.cap * 2 + 1024;
        feeds.records =
            mem_grow(feeds.records, feeds.cap * sizeof *feeds.records);
    }
    feeds.records[++feeds.n] = (struct record){.channel = (uint8_t)channel};
    return feeds.n;
}

static void choose_bar(struct feed *f, struct record *r)
{
    int64_t n = f->bar_ms / BAR_MS;
    unsigned what = draw(100);

    if (f->bars[n % 64].final) { /* the next one begins */
        n++;
        f->bar_ms += BAR_MS;
        memset(&f->bars[n % 64], 0, sizeof f->bars[0]);
    }
    if (what < 8 && f->bars[(n - 1) % 64].final) { /* a correction */
        n--;
        f->bars[n % 64].rev++;
    } else if (what < 30) {
        f->bars[n % 64].final = true;
    }
    f->bars[n % 64].count++;
    r->type = 'b';
    r->extra = n * BAR_MS;
    r->final = f->bars[n % 64].final;
    r->rev = f->bars[n % 64].rev;
    r->count = f->bars[n % 64].count;
}

static void choose(struct feed *f, struct record *r)
{
    switch (rows[r->channel].kind) {
    case QUOTES:
        r->type = chance(70) ? 't' : 'r';
        break;
    case BARS:
        choose_bar(f, r);
        break;
    case PRICES:
        r->type = 'p';
        r->extra = draw(SYMBOLS);
        break;
    case STATUS:
        r->type = 's';
        break;
    case ALERTS:
        r->type = 'a';
        r->secret = chance(50);
        break;
    case SECRET:
        r->type = 'e';
        r->secret = true;
        break;
    }
}

/* by_hand: with redis-cli, so that it says nothing of itself. */
static void record_write(uint32_t number, bool by_hand, struct bytes *out)
{
    struct record *r = record_of(number);
    struct feed *f = &feeds.at[r->channel];
    enum identity id = by_hand ? NONE : rows[r->channel].identity;

    choose(f, r);
    bytes_printf(out, "{\"m\":%u,\"type\":\"%s\"", number,
                 type_names[(int)r->type]);
    if (r->type == 'b')
        bytes_printf(out,
                     ",\"bar\":{\"time\":%" PRId64 ",\"count\":%" PRIu64
                     ",\"final\":%s,\"rev\":%" PRIu64 "}",
                     r->extra, r->count, r->final ? "true" : "false", r->rev);
    else if (r->type == 'p')
        bytes_printf(out, ",\"symbol\":\"S%d\"", (int)r->extra);
    else
        bytes_add_str(out, ",\"symbol\":\"X\"");
    if (r->secret)
        bytes_add_str(out, ",\"user_id\":\"7\",\"account_id\":7");
    if (r->type != 'b' && id != NONE) {
        r->time_ms = model_now_ms();
        bytes_printf(out, ",\"time\":%" PRId64, r->time_ms);
    }
    if (chance(20))
        bytes_printf(out, ",\"pad\":\"%0*d\"", (int)draw(900), 0);
    if (id == RUN) {
        r->numbered = true;
        r->run = f->run;
        r->seq = ++f->seq;
        bytes_printf(out, ",\"src\":\"run%" PRIu64 "\",\"seq\":%" PRIu64,
                     r->run, r->seq);
    }
    bytes_add_str(out, "}");
}

/* --- what is done with it --- */

static void feed_cache(uint32_t number, struct span payload)
{
    struct record *r = record_of(number);
    char key[REDIS_NAME_MAX];

    snprintf(key, sizeof key, PREFIX "last:%s", rows[r->channel].name);
    redis_hset(&redis.data, key, type_names[(int)r->type], payload, number);
    r->cached = true;
}

static void feed_send(unsigned channel, struct span payload, unsigned values,
                      uint32_t first)
{
    char name[REDIS_NAME_MAX];

    snprintf(name, sizeof name, PREFIX "%s", rows[channel].name);
    for (unsigned i = 0; i < values; i++) {
        record_of(first + i)->published = true;
        record_show(NOBODY, (int)channel, "published", first + i);
    }
    redis_publish(span_str(name), payload, values, first);
}

/* What was kept back comes first: a feed does one thing after the other. */
static void feed_late(unsigned channel)
{
    struct feed *f = &feeds.at[channel];

    if (f->late_values == 0)
        return;
    feed_send(channel, bytes_span(&f->late), f->late_values, f->late_first);
    f->late_values = 0;
}

static void feed_garbage(unsigned channel)
{
    char name[REDIS_NAME_MAX];

    snprintf(name, sizeof name, PREFIX "%s", rows[channel].name);
    redis_publish(span_str(name), span_str("{\"type\":\"tick\","), 1, 0);
    trace(NOBODY, (int)channel, "published what is no JSON");
}

static void feed_publish(unsigned channel)
{
    struct feed *f = &feeds.at[channel];
    unsigned values = chance(12) ? 1 + draw(BATCH_MAX) : 1, how = draw(100);
    bool by_hand = how<6, only_cached = how> 96,
         parted = how >= 82 && how <= 96 && rows[channel].identity == RUN,
         cached = !by_hand && (rows[channel].identity != NONE || chance(40));
    uint32_t first = feeds.n + 1;
    struct bytes text = {0};

    feed_late(channel);
    for (unsigned i = 0; i < values; i++) {
        size_t at = text.len + (i > 0);
        uint32_t number = record_new(channel);
        if (i > 0)
            bytes_add_str(&text, "\n");
        record_write(number, by_hand, &text);
        if (cached)
            feed_cache(number, span_make(text.ptr + at, text.len - at));
        record_of(number)->parted = cached && parted;
    }
    if (cached && only_cached) {
        record_show(NOBODY, (int)channel, "only cached", feeds.n);
    } else if (cached && parted) {
        record_show(NOBODY, (int)channel, "cached, to be published", first);
        bytes_clear(&f->late);
        bytes_add_span(&f->late, bytes_span(&text));
        f->late_first = first;
        f->late_values = values;
    } else {
        feed_send(channel, bytes_span(&text), values, first);
    }
    bytes_close(&text);
}

static void feed_restart(unsigned channel)
{
    feeds.at[channel].run = ++feeds.runs;
    feeds.at[channel].seq = 0;
    trace(NOBODY, (int)channel, "feed %s starts again as run%" PRIu64,
          rows[channel].name, feeds.runs);
}

static void feeds_open(void)
{
    memset(&feeds, 0, sizeof feeds);
    for (unsigned i = 0; i < CHANNELS; i++) {
        feeds.at[i].run = ++feeds.runs;
        feeds.at[i].bar_ms = INT64_C(1699999980000);
    }
}

static void feeds_close(void)
{
    for (unsigned i = 0; i < CHANNELS; i++)
        bytes_close(&feeds.at[i].late);
    free(feeds.records);
}

/* The number of the channel; -1: it is none of the model's. */
static int channel_named(struct span name)
{
    for (int i = 0; i < CHANNELS; i++) {
        if (span_is(name, rows[i].name))
            return i;
    }
    return -1;
}

/* One message in all the forms that clients get it in; no sockets, no clock. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "wsgate/channels/pattern.h"
#include "wsgate/fanout/fanout.h"

struct client {
    struct member m;
    struct bytes got;
    unsigned sends;
    bool blocked; /* its socket takes nothing */
};

static ssize_t take(struct member *m, const struct iovec *iov, unsigned n)
{
    struct client *c = (struct client *)(void *)m;
    size_t total = 0;

    if (c->blocked)
        return -EAGAIN;
    for (unsigned i = 0; i < n; i++) {
        bytes_add(&c->got, iov[i].iov_base, iov[i].iov_len);
        total += iov[i].iov_len;
    }
    c->sends++;
    return (ssize_t)total;
}

static void nothing(struct member *m, bool on)
{
    (void)m;
    (void)on;
}

static void never(struct member *m, enum fanout_lost why, int errnum)
{
    (void)m;
    (void)why;
    (void)errnum;
    fail();
}

static const struct fanout_io io = {
    .send = take, .want_writable = nothing, .lost = never};

struct world {
    struct fanout fanout;
    struct channels channels;
    struct client client[4];
    uint64_t mono_ms;
};

static int open_world(void **state)
{
    static struct world w;

    memset(&w, 0, sizeof w);
    fanout_init(&w.fanout, 1 << 20,
                &(struct fanout_limits){.backlog_bytes = 65536,
                                        .backlog_all_bytes = 1 << 20,
                                        .out_bytes = 1 << 20},
                &io);
    channels_init(&w.channels, &w.fanout, 7,
                  &(struct channel_sizes){sizeof(struct channel),
                                          sizeof(struct pattern),
                                          sizeof(struct family)});
    for (int i = 0; i < 4; i++)
        bytes_init(&w.client[i].got);
    w.mono_ms = 1000;
    *state = &w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;

    for (int i = 0; i < 4; i++) {
        fanout_forget(&w->fanout, &w->client[i].m);
        bytes_close(&w->client[i].got);
    }
    channels_close(&w->channels);
    fanout_close(&w->fanout);
    return 0;
}

static void publish(struct world *w, const char *name, const char *payload)
{
    struct channel_message m = {.payload = span_str(payload),
                                .now_ms = 1700000000000,
                                .mono_ms = w->mono_ms};

    assert_int_equal(channel_publish(&w->channels,
                                     channels_get(&w->channels, span_str(name)),
                                     &m),
                     CHANNEL_OK);
}

static void subscribe(struct world *w, struct client *c, const char *name,
                      enum dialect dialect, uint32_t interval_ms)
{
    struct span text = span_str(name);
    uint64_t key;

    if (name[text.len - 1] == '*')
        key = subscription_key(
            pattern_view(&w->channels, channels_get_pattern(&w->channels, text),
                         dialect, interval_ms)
                ->stream.id,
            false);
    else
        key = subscription_key(channel_view(&w->channels,
                                            channels_get(&w->channels, text),
                                            dialect, interval_ms)
                                   ->stream.id,
                               false);
    fanout_subscribe(&w->fanout, &c->m, &key, 1);
}

static size_t count(const struct client *c, const char *what)
{
    size_t n = 0, len = strlen(what);

    for (size_t i = 0; i + len <= c->got.len; i++)
        n += memcmp(c->got.ptr + i, what, len) == 0;
    return n;
}

static void each_dialect_has_its_own_frame(void **state)
{
    struct world *w = *state;

    subscribe(w, &w->client[0], "market_data:A", DIALECT_NATIVE, 0);
    subscribe(w, &w->client[1], "market_data:*", DIALECT_TICKS, 0);
    subscribe(w, &w->client[2], "stock:price_updates", DIALECT_STOCK, 0);
    publish(w, "market_data:A", "{\"type\":\"tick\",\"bid\":1.10}");
    publish(w, "market_data:A", "{\"type\":\"trade\",\"price\":1.20}");
    publish(w, "stock:price_updates", "{\"type\":\"price_update\",\"p\":3}");
    publish(w, "stock:price_updates", "{\"type\":\"other\",\"p\":4}");
    publish(w, "stock:price_updates", "{\"symbol\":\"A\",\"p\":5}");
    fanout_flush(&w->fanout);
    assert_int_equal(count(&w->client[0], "\"type\":\"update\""), 2);
    assert_int_equal(count(&w->client[0], "\"seq\":2,\"data\":{\"type\":"
                                          "\"trade\",\"price\":1.20}"),
                     1);
    assert_true(span_is(bytes_span(&w->client[1].got),
                        "\x81\x1a{\"type\":\"tick\",\"bid\":1.10}"
                        "\x81\x1d{\"type\":\"trade\",\"price\":1.20}"));
    assert_int_equal(count(&w->client[2],
                           "{\"type\":\"price_update\",\"data\":{\"type\":"
                           "\"price_update\",\"p\":3},\"source\":\"redis\"}"),
                     1);
    assert_int_equal(count(&w->client[2], "other"), 0);
    assert_int_equal(count(&w->client[2],
                           "{\"type\":\"price_update\",\"data\":{\"symbol\":"
                           "\"A\",\"p\":5},\"source\":\"redis\"}"),
                     1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(w->client[i].sends, 1); /* one a turn, not a message */
}

static void what_is_not_json_changes_nothing(void **state)
{
    struct world *w = *state;
    struct channel *channel =
        channels_get(&w->channels, span_str("market_data:A"));
    struct channel_message m = {.payload = span_str("{oops")};

    subscribe(w, &w->client[0], "market_data:A", DIALECT_NATIVE, 0);
    assert_int_equal(channel_publish(&w->channels, channel, &m),
                     CHANNEL_NOT_JSON);
    fanout_flush(&w->fanout);
    assert_int_equal(w->client[0].got.len, 0);
    assert_int_equal(channel->seq, 0);
    publish(w, "market_data:A", "1");
    fanout_flush(&w->fanout);
    assert_int_equal(count(&w->client[0], "\"seq\":1,\"data\":1,"), 1);
}

static void
an_interval_sends_the_first_at_once_and_the_newest_when_due(void **state)
{
    struct world *w = *state;
    struct client *slow = &w->client[0], *fast = &w->client[1];
    char text[64];
    const struct fanout_counters *k;

    subscribe(w, slow, "market_data:A", DIALECT_NATIVE, 250);
    subscribe(w, fast, "market_data:A", DIALECT_NATIVE, 0);
    for (int i = 1; i <= 10; i++) {
        snprintf(text, sizeof text, "{\"type\":\"%s\",\"n\":%d}",
                 i % 2 ? "tick" : "trade", i);
        publish(w, "market_data:A", text);
        w->mono_ms += 10;
    }
    fanout_flush(&w->fanout);
    assert_int_equal(count(fast, "\"seq\":"), 10);
    assert_int_equal(count(slow, "\"seq\":"), 1);
    assert_true(channels_send_due(&w->channels, w->mono_ms)); /* not yet */
    w->mono_ms += 250;
    assert_false(channels_send_due(&w->channels, w->mono_ms));
    fanout_flush(&w->fanout);
    /* The newest of each type, in order. */
    assert_int_equal(count(slow, "\"seq\":"), 3);
    assert_int_equal(count(slow, "\"n\":9}"), 1);
    assert_int_equal(count(slow, "\"n\":10}"), 1);
    assert_int_equal(w->channels.throttled, 7);
    k = &w->fanout.counters;
    assert_int_equal(k->expected, k->delivered + k->conflated);
}

static void two_intervals_are_two_streams(void **state)
{
    struct world *w = *state;

    subscribe(w, &w->client[0], "market_data:A", DIALECT_NATIVE, 100);
    subscribe(w, &w->client[1], "market_data:*", DIALECT_NATIVE, 200);
    for (int i = 0; i < 100; i++) {
        publish(w, "market_data:A", "{\"type\":\"tick\"}");
        w->mono_ms += 10;
        channels_send_due(&w->channels, w->mono_ms);
        fanout_flush(&w->fanout);
    }
    assert_in_range(count(&w->client[0], "\"seq\":"), 9, 11);
    assert_in_range(count(&w->client[1], "\"seq\":"), 4, 6);
}

/* What the members of a view have been told, with a semicolon behind each. */
static const char *told(struct world *w, const struct view *v)
{
    static char text[400];
    struct told t;

    text[0] = '\0';
    for (uint32_t i = 0; i < channel_slots(v->channel); i++) {
        if (channel_told(&w->channels, v, i, UINT64_MAX, &t) && !t.outdone)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%.*s;",
                     SPAN_ARG(t.payload));
    }
    return text;
}

static void a_snapshot_has_the_newest_of_each_type(void **state)
{
    struct world *w = *state;
    struct channel *channel = channels_get(&w->channels, span_str("bars:A:1"));

    publish(w, "bars:A:1", "{\"type\":\"tick\",\"n\":1}");
    for (int i = 1; i <= 200; i++) {
        char text[96];
        snprintf(text, sizeof text,
                 "{\"type\":\"bar\",\"bar\":{\"time\":%d,\"final\":true}}",
                 i * 60000);
        publish(w, "bars:A:1", text);
    }
    publish(w, "bars:A:1", "{\"type\":\"tick\",\"n\":2}");
    /* Corrected: still not the newest bar. */
    publish(w, "bars:A:1", "{\"type\":\"bar\",\"bar\":{\"time\":11940000}}");
    assert_string_equal(
        told(w, &channel->native),
        "{\"type\":\"bar\",\"bar\":{\"time\":12000000,\"final\":true}};"
        "{\"type\":\"tick\",\"n\":2};");
}

static void bar(struct world *w, int minute, const char *what)
{
    char text[96];

    snprintf(text, sizeof text,
             "{\"type\":\"bar\",\"bar\":{\"time\":%d},\"what\":\"%s\"}",
             minute * 60000, what);
    publish(w, "bars:A:1", text);
}

/* What is written behind `key`, with a space behind each. */
static const char *all_of(const struct client *c, const char *key)
{
    static char text[200];
    size_t n = 0, len = strlen(key);

    for (size_t i = 0; i + len < c->got.len && n < sizeof text - 20; i++) {
        if (memcmp(c->got.ptr + i, key, len) != 0)
            continue;
        for (i += len; c->got.ptr[i] != ',' && c->got.ptr[i] != '"' &&
                       c->got.ptr[i] != '}';
             i++)
            text[n++] = c->got.ptr[i];
        text[n++] = ' ';
    }
    text[n] = '\0';
    return text;
}

/* A final bar, or a correction, may come after the next bar has begun; the
 * number of digits changes on the way. */
static void bars_that_wait_come_in_order_of_time(void **state)
{
    struct world *w = *state;

    for (int i = 1; i <= 7; i++)
        bar(w, i, "before");
    subscribe(w, &w->client[0], "bars:A:1", DIALECT_NATIVE, 0);
    subscribe(w, &w->client[1], "bars:A:*", DIALECT_NATIVE, 0);
    subscribe(w, &w->client[2], "bars:A:1", DIALECT_NATIVE, 50);
    subscribe(w, &w->client[3], "bars:A:*", DIALECT_NATIVE, 50);
    bar(w, 8, "first"); /* to the intervals at once */
    fanout_flush(&w->fanout);
    for (int i = 0; i < 4; i++) {
        assert_string_equal(all_of(&w->client[i], "\"what\":\""), "first ");
        bytes_clear(&w->client[i].got);
        w->client[i].blocked = i < 2;
    }
    bar(w, 9, "open");
    bar(w, 8, "final");
    bar(w, 10, "open");
    bar(w, 9, "final");
    bar(w, 7, "corrected");
    fanout_flush(&w->fanout);
    w->mono_ms += 50;
    assert_false(channels_send_due(&w->channels, w->mono_ms));
    fanout_flush(&w->fanout);
    for (int i = 0; i < 4; i++) {
        struct client *c = &w->client[i];

        c->blocked = false;
        fanout_resume(&w->fanout, &c->m);
        assert_string_equal(all_of(c, "\"time\":"),
                            "420000 480000 540000 600000 ");
        assert_string_equal(all_of(c, "\"what\":\""),
                            "corrected final final open ");
        assert_string_equal(all_of(c, "\"seq\":"), "10 11 12 13 ");
        assert_int_equal(c->m.backlog != NULL, 0);
    }
    assert_int_equal(w->fanout.counters.expected,
                     w->fanout.counters.delivered +
                         w->fanout.counters.conflated);
}

static bool is_prices(void *arg, struct span name)
{
    (void)arg;
    return span_is(name, "stock:price_updates");
}

/* Once conflated by type alone: a reader that was slow had one symbol. */
static void many_symbols_on_one_channel_conflate_by_symbol(void **state)
{
    enum { SYMBOLS = 400 };
    struct world *w = *state;
    struct told told;
    char text[160];

    w->channels.is_by_symbol = is_prices;
    subscribe(w, &w->client[0], "stock:price_updates", DIALECT_NATIVE, 0);
    subscribe(w, &w->client[1], "stock:*", DIALECT_NATIVE, 0);
    subscribe(w, &w->client[2], "stock:price_updates", DIALECT_STOCK, 0);
    subscribe(w, &w->client[3], "stock:price_updates", DIALECT_NATIVE, 50);
    for (int i = 0; i < 4; i++)
        w->client[i].blocked = true;
    for (int i = 0; i < 4 * SYMBOLS; i++) {
        snprintf(text, sizeof text,
                 "{\"type\":\"price_update\",\"symbol\":\"S%d\",\"price\":%d,"
                 "\"more\":\"................................\"}",
                 i % SYMBOLS, i / SYMBOLS);
        publish(w, "stock:price_updates", text);
    }
    w->mono_ms += 50;
    assert_false(channels_send_due(&w->channels, w->mono_ms));
    fanout_flush(&w->fanout);
    for (int i = 0; i < 4; i++) {
        w->client[i].blocked = false;
        fanout_resume(&w->fanout, &w->client[i].m);
        assert_int_equal(count(&w->client[i], "\"symbol\":\"S"), SYMBOLS);
        assert_int_equal(count(&w->client[i], "\"price\":3"), SYMBOLS);
    }
    /* A snapshot has each of them. */
    for (uint32_t i = 0; i < SYMBOLS; i++)
        assert_true(channel_told(
            &w->channels,
            &channels_find(&w->channels, span_str("stock:price_updates"))
                 ->native,
            i, UINT64_MAX, &told));
}

static void a_pattern_covers_channels_of_before_and_after(void **state)
{
    struct world *w = *state;

    publish(w, "market_data:BEFORE", "1");
    publish(w, "market_data", "1");
    subscribe(w, &w->client[0], "market_data:*", DIALECT_NATIVE, 0);
    publish(w, "market_data:BEFORE", "2");
    publish(w, "market_data:AFTER", "3");
    publish(w, "market_data:A:B", "4"); /* * stands for all the rest */
    publish(w, "market_data", "5");
    fanout_flush(&w->fanout);
    assert_int_equal(count(&w->client[0], "\"update\""), 3);
    fanout_forget(&w->fanout, &w->client[0].m);
    channels_remove_pattern(
        &w->channels,
        channels_find_pattern(&w->channels, span_str("market_data:*")));
    channels_remove(&w->channels,
                    channels_find(&w->channels, span_str("market_data:AFTER")));
    publish(w, "market_data:BEFORE", "5");
    assert_int_equal(w->fanout.groups.count, 0);
}

static void an_interval_that_nobody_had_begins_anew(void **state)
{
    struct world *w = *state;
    struct channel *channel =
        channels_get(&w->channels, span_str("market_data:A"));
    struct view *v;

    subscribe(w, &w->client[0], "market_data:A", DIALECT_NATIVE, 50);
    publish(w, "market_data:A", "1");
    publish(w, "market_data:A", "2"); /* waits */
    fanout_flush(&w->fanout);
    fanout_leave(&w->fanout, &w->client[0].m);
    publish(w, "market_data:A", "3");
    v = channel_view(&w->channels, channel, DIALECT_NATIVE, 50);
    assert_int_equal(v->seq, 3);
    assert_int_equal(view_held(v), 0);
    assert_string_equal(told(w, v), "3;");
}

/* The second member comes while something waits: it is shown what the first
 * was told, and hears the rest with it. */
static void an_interval_is_shown_as_far_as_it_was_told(void **state)
{
    struct world *w = *state;
    struct channel *channel =
        channels_get(&w->channels, span_str("market_data:A"));
    const struct view *v;

    publish(w, "market_data:A", "{\"type\":\"tick\",\"n\":1}");
    publish(w, "market_data:A", "{\"type\":\"trade\",\"n\":2}");
    subscribe(w, &w->client[0], "market_data:A", DIALECT_NATIVE, 50);
    v = channel_view(&w->channels, channel, DIALECT_NATIVE, 50);
    assert_int_equal(view_told_seq(v), 2);
    publish(w, "market_data:A", "{\"type\":\"tick\",\"n\":3}");
    assert_int_equal(view_told_seq(v), 3);
    assert_string_equal(told(w, v), "{\"type\":\"tick\",\"n\":3};"
                                    "{\"type\":\"trade\",\"n\":2};");
    publish(w, "market_data:A", "{\"type\":\"tick\",\"n\":4}");
    publish(w, "market_data:A", "{\"type\":\"trade\",\"n\":5}");
    publish(w, "market_data:A", "{\"type\":\"tick\",\"n\":6}");
    assert_int_equal(view_told_seq(v), 3);
    /* Nobody knows trade 2 any more; 5 comes in time. */
    assert_string_equal(told(w, v), "{\"type\":\"tick\",\"n\":3};");
    view_send_waiting(&w->channels, (struct view *)(uintptr_t)v, 10);
    fanout_flush(&w->fanout);
    assert_int_equal(view_told_seq(v), 6);
    assert_string_equal(told(w, v), "{\"type\":\"tick\",\"n\":6};"
                                    "{\"type\":\"trade\",\"n\":5};");
    assert_int_equal(count(&w->client[0], "\"update\""), 3);
}

/* The newer bar waits, and nobody has been told of it. */
/* Who stalls is shown what there was when it subscribed; what came since comes
 * as an update, and must not hide the bar before it. */
static void a_bar_that_is_still_to_come_outdoes_none(void **state)
{
    struct world *w = *state;
    struct channel *channel = channels_get(&w->channels, span_str("bars:A:1"));
    uint64_t subscribed;
    struct told t;

    bar(w, 1, "closed");
    bar(w, 2, "open");
    subscribed = w->fanout.log.head;
    bar(w, 3, "open");
    for (uint32_t i = 0; i < 2; i++) {
        assert_true(
            channel_told(&w->channels, &channel->native, i, subscribed, &t));
        assert_true(t.outdone == (t.slot->part == 60000));
    }
    assert_string_equal(
        told(w, &channel->native),
        "{\"type\":\"bar\",\"bar\":{\"time\":180000},\"what\":\"open\"};");
}

static void a_bar_that_waits_does_not_hide_the_one_that_was_told(void **state)
{
    struct world *w = *state;
    struct channel *channel = channels_get(&w->channels, span_str("bars:A:1"));
    const struct view *v =
        channel_view(&w->channels, channel, DIALECT_NATIVE, 50);

    subscribe(w, &w->client[0], "bars:A:1", DIALECT_NATIVE, 50);
    bar(w, 1, "open");
    bar(w, 2, "open");
    assert_string_equal(
        told(w, v),
        "{\"type\":\"bar\",\"bar\":{\"time\":60000},\"what\":\"open\"};");
    w->mono_ms += 50;
    assert_false(channels_send_due(&w->channels, w->mono_ms));
    assert_string_equal(
        told(w, v),
        "{\"type\":\"bar\",\"bar\":{\"time\":120000},\"what\":\"open\"};");
    fanout_flush(&w->fanout);
}

/* More slots than a channel keeps: those that gave way are counted. */
static void what_gives_way_while_it_waits_is_conflated(void **state)
{
    struct world *w = *state;
    const struct fanout_counters *k = &w->fanout.counters;
    char text[64];

    subscribe(w, &w->client[0], "market_data:A", DIALECT_NATIVE, 50);
    for (int i = 0; i < STREAM_KEYS_MAX + 6; i++) {
        snprintf(text, sizeof text, "{\"type\":\"%d\"}", i);
        publish(w, "market_data:A", text);
    }
    w->mono_ms += 50;
    assert_false(channels_send_due(&w->channels, w->mono_ms));
    fanout_flush(&w->fanout);
    assert_int_equal(count(&w->client[0], "\"update\""), STREAM_KEYS_MAX + 1);
    assert_int_equal(k->expected, STREAM_KEYS_MAX + 6);
    assert_int_equal(k->conflated, 5);
    assert_int_equal(w->channels.throttled, 5);
}

enum { INTERVALS = 48 /* as many as there are: see subscribe.c */ };

static uint32_t views_of(const struct channel *channel)
{
    uint32_t n = 0;

    for (const struct view *v = &channel->native; v; v = v->next)
        n++;
    return n;
}

/* Or one client could hold as many as there are, of every channel. */
static void intervals_that_nobody_uses_make_room(void **state)
{
    struct world *w = *state;
    struct channel *channel =
        channels_get(&w->channels, span_str("market_data:A"));
    struct pattern *pattern =
        channels_get_pattern(&w->channels, span_str("market_data:*"));
    struct view *used =
        channel_view(&w->channels, channel, DIALECT_NATIVE, 7000);

    used->refs++; /* as a subscription does */
    for (uint32_t i = 1; i <= 5 * INTERVALS; i++) {
        struct view *v =
            channel_view(&w->channels, channel, DIALECT_NATIVE, i * 50);
        assert_int_equal(v->interval_ms, i * 50);
        assert_true(views_of(channel) <= 4);
        assert_non_null(
            pattern_view(&w->channels, pattern, DIALECT_NATIVE, i * 50));
        assert_true(!pattern->views->next || !pattern->views->next->next);
    }
    assert_ptr_equal(channel_view(&w->channels, channel, DIALECT_NATIVE, 7000),
                     used);
}

/* Some clients with an interval each keep nobody out. */
static void no_interval_is_refused(void **state)
{
    struct world *w = *state;
    struct channel *channel =
        channels_get(&w->channels, span_str("market_data:A"));
    struct pattern *pattern =
        channels_get_pattern(&w->channels, span_str("market_data:*"));

    for (uint32_t i = 1; i <= INTERVALS; i++) {
        pattern_view(&w->channels, pattern, DIALECT_NATIVE, i * 50)->refs++;
        channel_view(&w->channels, channel, DIALECT_NATIVE, i * 50)->refs++;
    }
    for (enum dialect dialect = DIALECT_NATIVE; dialect <= DIALECT_TICKS;
         dialect++) {
        assert_non_null(pattern_view(&w->channels, pattern, dialect, 0));
        assert_non_null(channel_view(&w->channels, channel, dialect, 0));
    }
    subscribe(w, &w->client[0], "market_data:*", DIALECT_NATIVE, 5000);
    subscribe(w, &w->client[1], "market_data:*", DIALECT_NATIVE, 0);
    publish(w, "market_data:A", "1");
    fanout_flush(&w->fanout);
    assert_int_equal(count(&w->client[0], "\"update\""), 1);
    assert_int_equal(count(&w->client[1], "\"update\""), 1);
}

static void patterns_are_bounded_and_one_that_goes_makes_room(void **state)
{
    struct world *w = *state;
    char name[32];

    for (int i = 0; i < PATTERNS_MAX; i++) {
        snprintf(name, sizeof name, "bars:%d:*", i);
        assert_non_null(channels_get_pattern(&w->channels, span_str(name)));
    }
    assert_null(channels_get_pattern(&w->channels, span_str("market_data:*")));
    assert_non_null(channels_get_pattern(&w->channels, span_str("bars:7:*")));
    channels_remove_pattern(
        &w->channels,
        channels_find_pattern(&w->channels, span_str("bars:7:*")));
    assert_null(channels_find_pattern(&w->channels, span_str("bars:7:*")));
    assert_non_null(
        channels_get_pattern(&w->channels, span_str("market_data:*")));
}

/* Those that wait longest go first, and in the order in which they are due. */
static void channels_in_which_something_waits_go_at_once(void **state)
{
    enum { MANY = 60000 };
    struct world *w = *state;
    struct channels *cs = &w->channels;
    char name[16];

    subscribe(w, &w->client[0], "a:*", DIALECT_NATIVE, 60000);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MANY; i++) {
            snprintf(name, sizeof name, "a:%d", i);
            publish(w, name, "1");
        }
    }
    assert_int_equal(cs->waiting.n, MANY);
    for (uint32_t i = 1; i < MANY; i++)
        assert_true(cs->waiting.at[(i - 1) / 2]->due_mono_ms <=
                    cs->waiting.at[i]->due_mono_ms);
    fanout_flush(&w->fanout);
    fanout_forget(&w->fanout, &w->client[0].m);
    channels_remove_pattern(cs, channels_find_pattern(cs, span_str("a:*")));
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "a:%d", i);
        channels_remove(cs, channels_find(cs, span_str(name)));
    }
    assert_int_equal(cs->waiting.n, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)
    const struct CMUnitTest tests[] = {
        TEST(each_dialect_has_its_own_frame),
        TEST(what_is_not_json_changes_nothing),
        TEST(an_interval_sends_the_first_at_once_and_the_newest_when_due),
        TEST(two_intervals_are_two_streams),
        TEST(a_snapshot_has_the_newest_of_each_type),
        TEST(bars_that_wait_come_in_order_of_time),
        TEST(many_symbols_on_one_channel_conflate_by_symbol),
        TEST(a_pattern_covers_channels_of_before_and_after),
        TEST(an_interval_that_nobody_had_begins_anew),
        TEST(an_interval_is_shown_as_far_as_it_was_told),
        TEST(a_bar_that_is_still_to_come_outdoes_none),
        TEST(a_bar_that_waits_does_not_hide_the_one_that_was_told),
        TEST(what_gives_way_while_it_waits_is_conflated),
        TEST(intervals_that_nobody_uses_make_room),
        TEST(no_interval_is_refused),
        TEST(channels_in_which_something_waits_go_at_once),
        TEST(patterns_are_bounded_and_one_that_goes_makes_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <string.h>

#include "common/base/line.h"
#include "tickpub/publish/batch.h"
#include "tickpub/publish/command.h"
#include "tickpub/publish/encoder.h"

/* One publisher without a link: what tickpub.c and publish.c do with an event,
 * less the connection. */
struct bench {
    struct route_table *routes;
    struct destinations destinations;
    struct encoder encoder;
    struct batch *batch;
    struct encoder_counts counts;
    char *text; /* of the encoder, CRLF as '|' */
};

static void setup(struct bench *b)
{
    struct destination_options options = {
        .prefix = span_str("p:"), .shards = 4, .max_destinations = 5};

    *b = (struct bench){0};
    b->routes = route_table_new(NULL, NULL);
    destinations_init(&b->destinations, &options, b->routes);
    b->batch = batch_new();
}

static void teardown(struct bench *b)
{
    batch_free(b->batch);
    encoder_close(&b->encoder);
    destinations_close(&b->destinations);
    route_table_free(b->routes);
    free(b->text);
}

static struct destination *try_add(struct bench *b, const char *text,
                                   uint64_t read_ms)
{
    char line[1024] = {0};
    struct destination *dest;
    struct event ev;
    unsigned column;

    assert_true(strlen(text) + LINE_PAD < sizeof line);
    snprintf(line, sizeof line, "%s", text);
    if (event_read_strict(span_str(line), &ev, &column) != EVENT_OK)
        fail_msg("column %u of %s", column, text);
    dest = destination_of(&b->destinations, &ev);
    for (int i = 0; dest && i < 2; i++) {
        struct channel *ch = dest->channel[i];
        struct record *r;

        if (i > 0 && !ch)
            break;
        r = batch_add(b->batch, ev.text, span_str("ff"), ch ? ++ch->seq : 0);
        r->dest = dest;
        r->channel = ch;
        r->read_ms = read_ms;
        r->time_ms = ev.time_ns / 1000000;
        r->what = i == 0 ? RECORD_FIRST : 0;
        if (i == 0)
            encoder_touch_key(&b->encoder, dest, &ev, b->batch, r);
        if (ch)
            encoder_touch_channel(&b->encoder, dest, i, b->batch, r);
    }
    return dest;
}

static void add(struct bench *b, const char *text, uint64_t read_ms)
{
    assert_non_null(try_add(b, text, read_ms));
}

/* Words of all commands, each ended by a space, each command by a line feed. */
static const char *commands(struct bench *b)
{
    const char *p = b->encoder.run.ptr, *end = p + b->encoder.run.len;
    struct bytes out;
    unsigned n = 0;

    bytes_init(&out);
    while (p < end) {
        long words = strtol(p + 1, (char **)&p, 10);

        p += 2;
        for (; words > 0; words--) {
            long len = strtol(p + 1, (char **)&p, 10);

            bytes_add(&out, p + 2, (size_t)len);
            bytes_add_str(&out, words > 1 ? " " : "\n");
            p += 2 + len + 2;
        }
        n++;
    }
    assert_int_equal(n, b->encoder.commands);
    bytes_add(&out, "", 1);
    free(b->text);
    b->text = out.ptr;
    return b->text;
}

static const char *sent(struct bench *b, uint64_t now_ms, bool joined)
{
    encoder_clear(&b->encoder);
    encoder_latest(&b->encoder, now_ms, 1);
    encoder_records(&b->encoder, b->batch, 0, joined, 0, &b->counts);
    batch_clear(b->batch);
    return commands(b);
}

#define T1                                                                     \
    "{\"type\":\"tick\",\"symbol\":\"A\",\"time\":1705575041000,\"bid\":1.0,"  \
    "\"ask\":1."                                                               \
    "5}"
#define T2                                                                     \
    "{\"type\":\"tick\",\"symbol\":\"A\",\"time\":1705575041001,\"bid\":1.10," \
    "\"ask\":"                                                                 \
    "1.15}"
#define T2_OUT                                                                 \
    "{\"type\":\"tick\",\"symbol\":\"A\",\"time\":1705575041001,\"bid\":1.10," \
    "\"ask\":"                                                                 \
    "1.15,\"src\":\"ff\",\"seq\":2}"
#define TRADE                                                                  \
    "{\"type\":\"trade\",\"symbol\":\"A\",\"time\":1705575041002.5,\"price\":" \
    "1.12,"                                                                    \
    "\"size\":3}"

static void a_quote_is_kept_and_published(void **state)
{
    struct bench b;

    (void)state;
    setup(&b);
    add(&b, T1, 100);
    assert_string_equal(
        sent(&b, 100, false),
        "HSET p:last:market_data:A tick {\"type\":\"tick\",\"symbol\":\"A\","
        "\"time\":1705575041000,\"bid\":1.0,\"ask\":1.5,\"src\":\"ff\",\"seq\":"
        "1}\n"
        "EXPIRE p:last:market_data:A 86400\n"
        "SET p:price:A "
        "{\"symbol\":\"A\",\"time\":1705575041000,\"bid\":1.0,\"ask\":1.5,"
        "\"mid\":1.25,\"spread\":0.5} PX 1000\n"
        "PUBLISH p:market_data:A {\"type\":\"tick\",\"symbol\":\"A\","
        "\"time\":1705575041000,\"bid\":1.0,\"ask\":1.5,\"src\":\"ff\",\"seq\":"
        "1}\n");
    teardown(&b);
}

static void only_the_newest_value_of_a_batch_is_kept(void **state)
{
    struct bench b;
    const char *text;

    (void)state;
    setup(&b);
    add(&b, T1, 100);
    add(&b, T2, 100);
    text = sent(&b, 100, false);
    assert_non_null(strstr(text, "HSET p:last:market_data:A tick " T2_OUT));
    assert_null(strstr(strstr(text, "HSET") + 1, "HSET"));
    assert_non_null(strstr(text, "\"mid\":1.125,\"spread\":0.05} PX 1000\n"));
    assert_null(strstr(strstr(text, "SET p:price") + 1, "SET p:price"));
    assert_int_equal(b.counts.messages, 2);
    teardown(&b);
}

static void quote_and_trade_share_a_hash_and_a_key(void **state)
{
    struct bench b;
    const char *text;

    (void)state;
    setup(&b);
    add(&b, T2, 100);
    add(&b, TRADE, 100);
    text = sent(&b, 100, false);
    assert_non_null(strstr(text, "HSET p:last:market_data:A trade {"));
    assert_non_null(strstr(text, "\"seq\":2} tick {"));
    assert_non_null(strstr(
        text, "SET p:price:A "
              "{\"symbol\":\"A\",\"time\":1705575041002.5,\"price\":1.12,"
              "\"size\":3} PX 1000\n"));
    teardown(&b);
}

static void a_lifetime_is_not_renewed_with_every_batch(void **state)
{
    struct bench b;

    (void)state;
    setup(&b);
    add(&b, T1, 100);
    assert_non_null(strstr(sent(&b, 100, false), "EXPIRE"));
    add(&b, T1, 200);
    assert_null(strstr(sent(&b, 200, false), "EXPIRE"));
    add(&b, T1, 60100);
    assert_non_null(strstr(sent(&b, 60100, false), "EXPIRE"));
    /* A new connection may be to an empty Redis. */
    add(&b, T1, 60200);
    encoder_clear(&b.encoder);
    encoder_latest(&b.encoder, 60200, 2);
    assert_non_null(strstr(commands(&b), "EXPIRE"));
    teardown(&b);
}

static void a_price_that_waited_lives_only_for_the_rest(void **state)
{
    struct bench b;

    (void)state;
    setup(&b);
    add(&b, T1, 100);
    assert_non_null(strstr(sent(&b, 400, false), " PX 700\n"));
    add(&b, T1, 100);
    assert_null(strstr(sent(&b, 1100, false), "SET p:price"));
    teardown(&b);
}

static void what_is_stale_is_kept_but_not_published(void **state)
{
    struct bench b;

    (void)state;
    setup(&b);
    add(&b, T1, 100);
    add(&b, T2, 500);
    encoder_clear(&b.encoder);
    encoder_latest(&b.encoder, 600, 1);
    encoder_records(&b.encoder, b.batch, 0, false, 300, &b.counts);
    assert_null(strstr(commands(&b), "\"seq\":1}\n"));
    assert_non_null(strstr(commands(&b), "PUBLISH p:market_data:A " T2_OUT));
    assert_int_equal(b.counts.stale, 1);
    assert_int_equal(b.counts.objects, 1);
    teardown(&b);
}

static void joined_objects_keep_their_order_within_a_channel(void **state)
{
    struct bench b;
    const char *text;

    (void)state;
    setup(&b);
    add(&b, T1, 100);
    add(&b,
        "{\"type\":\"tick\",\"symbol\":\"B\",\"time\":1705575041000,\"bid\":1,"
        "\"ask\":2}",
        100);
    add(&b, T2, 100);
    text = sent(&b, 100, true);
    assert_int_equal(b.counts.messages, 2);
    assert_int_equal(b.counts.objects, 3);
    assert_non_null(strstr(text, "\"seq\":1}\n" T2_OUT "\nPUBLISH"));
    /* And the next batch starts anew. */
    add(&b, T2, 100);
    sent(&b, 100, true);
    assert_int_equal(b.counts.messages, 3);
    teardown(&b);
}

static void a_joined_message_is_bounded(void **state)
{
    struct bench b;

    (void)state;
    setup(&b);
    for (int i = 0; i < 2000; i++)
        add(&b, T1, 100);
    sent(&b, 100, true);
    assert_int_equal(b.counts.objects, 2000);
    assert_in_range(b.counts.messages, 3, 10);
    teardown(&b);
}

static void an_alert_goes_to_everybody_and_to_its_user(void **state)
{
    struct bench b;
    const char *text;

    (void)state;
    setup(&b);
    add(&b, "{\"type\":\"trading_alert\",\"user_id\":\"u1\",\"text\":\"x\"}",
        100);
    text = sent(&b, 100, false);
    assert_non_null(strstr(text, "PUBLISH p:stock:trading_alerts {"));
    assert_non_null(strstr(text, "PUBLISH p:alerts:u1 {"));
    assert_non_null(strstr(text, "HSET p:last:alerts:u1 trading_alert {"));
    teardown(&b);
}

static void an_account_is_a_key_without_a_channel(void **state)
{
    struct bench b;

    (void)state;
    setup(&b);
    add(&b, "{\"type\":\"account\",\"account_id\":42,\"balance\":1.50}", 100);
    assert_string_equal(
        sent(&b, 100, false),
        "SET p:account:42 {\"type\":\"account\",\"account_id\":42,"
        "\"balance\":1.50} PX 60000\n");
    teardown(&b);
}

static void a_chain_is_kept_in_a_list_of_three(void **state)
{
    struct bench b;
    const char *text;

    (void)state;
    setup(&b);
    add(&b,
        "{\"type\":\"option_chain\",\"symbol\":\"N\",\"expiry\":"
        "\"2025-11-28\"}",
        100);
    text = sent(&b, 100, false);
    assert_non_null(
        strstr(text, "LPUSH p:option-chain:snapshots:N:2025-11-28 {"));
    assert_non_null(
        strstr(text, "LTRIM p:option-chain:snapshots:N:2025-11-28 0 2\n"));
    assert_non_null(strstr(
        text, "PEXPIRE p:option-chain:snapshots:N:2025-11-28 86400000\n"));
    teardown(&b);
}

static void a_bar_replaces_the_one_of_its_time(void **state)
{
    struct bench b;
    const char *text;

    (void)state;
    setup(&b);
    add(&b,
        "{\"type\":\"bar\",\"symbol\":\"A\",\"resolution\":\"1\",\"bar\":{"
        "\"time\":1705575060000,\"open\":1}}",
        100);
    text = sent(&b, 100, false);
    assert_non_null(strstr(
        text,
        "ZREMRANGEBYSCORE p:bars:history:A:1 1705575060000 1705575060000\n"));
    assert_non_null(strstr(text, "ZADD p:bars:history:A:1 1705575060000 {"));
    assert_non_null(
        strstr(text, "ZREMRANGEBYRANK p:bars:history:A:1 0 -5001\n"));
    teardown(&b);
}

static void a_dropped_batch_leaves_no_newest_value_behind(void **state)
{
    struct bench b;
    struct batch *other = batch_new();

    (void)state;
    setup(&b);
    add(&b, T1, 100);
    encoder_forget(&b.encoder, b.batch);
    batch_free(b.batch);
    b.batch = other;
    encoder_clear(&b.encoder);
    encoder_latest(&b.encoder, 100, 1);
    assert_null(strstr(commands(&b), "HSET"));
    /* The price was copied: it is still the newest that is known. */
    assert_non_null(strstr(commands(&b), "SET p:price:A"));
    teardown(&b);
}

static void a_newest_value_that_was_not_answered_stayed_unwritten(void **state)
{
    struct bench b;
    const char *text;

    (void)state;
    setup(&b);
    add(&b, T1, 100);
    sent(&b, 100, false); /* HSET 1, EXPIRE 2, SET 3, PUBLISH 4 */
    add(&b, TRADE, 200);
    sent(&b, 200, false); /* HSET 5, SET 6, PUBLISH 7 */
    encoder_clear(&b.encoder);
    assert_false(encoder_waits(&b.encoder));
    encoder_again(&b.encoder, &b.destinations, 5);
    assert_true(encoder_waits(&b.encoder));
    encoder_latest(&b.encoder, 700, 1);
    text = commands(&b);
    assert_non_null(strstr(text, "HSET p:last:market_data:A trade {"));
    assert_null(strstr(text, " tick {")); /* that one was answered */
    assert_non_null(strstr(text, ",\"size\":3} PX 500\n"));
    /* And again; the price is no longer fresh. */
    encoder_clear(&b.encoder);
    encoder_again(&b.encoder, &b.destinations, 8);
    encoder_latest(&b.encoder, 1200, 1);
    text = commands(&b);
    assert_non_null(strstr(text, "HSET p:last:market_data:A trade {"));
    assert_null(strstr(text, "SET p:price"));
    teardown(&b);
}

static void what_came_since_is_written_instead_of_what_was_lost(void **state)
{
    struct bench b;
    const char *text;

    (void)state;
    setup(&b);
    add(&b, T1, 100);
    add(&b, "{\"type\":\"account\",\"account_id\":42,\"n\":1}", 100);
    sent(&b, 100, false);
    encoder_clear(&b.encoder);
    encoder_again(&b.encoder, &b.destinations, 1);
    add(&b, T2, 200);
    encoder_latest(&b.encoder, 200, 2);
    text = commands(&b);
    assert_non_null(strstr(text, "HSET p:last:market_data:A tick " T2_OUT));
    assert_null(strstr(strstr(text, "HSET") + 1, "HSET"));
    assert_non_null(strstr(text, "\"n\":1} PX 59900\n"));
    teardown(&b);
}

static uint64_t settled(struct bench *b, unsigned commands)
{
    uint64_t events = 0;

    for (; commands > 0; commands--)
        events += ack_ledger_take(&b->encoder.ledger);
    return events;
}

static void events_counted_once_for_each_of_their_channels(void **state)
{
    struct bench b;

    (void)state;
    setup(&b);
    add(&b, "{\"type\":\"trading_alert\",\"user_id\":\"u1\",\"text\":\"x\"}",
        100);
    add(&b, "{\"type\":\"account\",\"account_id\":42,\"balance\":1}", 100);
    add(&b, T1, 100);
    sent(&b, 100, false);
    assert_int_equal(b.counts.objects, 3);
    assert_int_equal(b.encoder.ledger.events, 3);
    assert_int_equal(settled(&b, b.encoder.commands), 3);
    assert_int_equal(b.encoder.ledger.runs, 0); /* every command is in it */
    teardown(&b);
}

static void joined_events_were_counted_by_the_message(void **state)
{
    struct bench b;

    (void)state;
    setup(&b);
    for (int i = 0; i < 2000; i++)
        add(&b, T1, 100);
    sent(&b, 100, true);
    assert_int_equal(b.encoder.ledger.events, 2000);
    assert_int_equal(settled(&b, b.encoder.commands), 2000);
    assert_int_equal(b.encoder.ledger.runs, 0);
    teardown(&b);
}

static void distinct_names_are_bounded(void **state)
{
    struct bench b;
    char text[128];

    (void)state;
    setup(&b);
    for (int i = 0; i < 7; i++) {
        snprintf(text, sizeof text,
                 "{\"type\":\"tick\",\"symbol\":\"S%d\",\"time\":1705575041000,"
                 "\"bid\":1,\"ask\":2}",
                 i);
        if (i < 5)
            assert_non_null(try_add(&b, text, 1));
        else
            assert_null(try_add(&b, text, 1));
    }
    assert_null(try_add(&b, T1, 1));
    teardown(&b);
}

static void new_routes_keep_sequence_numbers(void **state)
{
    struct route_table *other = route_table_new(NULL, NULL);
    struct bench b;

    (void)state;
    setup(&b);
    add(&b, T1, 100);
    sent(&b, 100, false);
    destinations_reroute(&b.destinations, other);
    add(&b, T2, 100);
    assert_non_null(
        strstr(sent(&b, 100, false), "PUBLISH p:market_data:A " T2_OUT));
    teardown(&b);
    route_table_free(other);
}

static void journal_shards_follow_the_symbol(void **state)
{
    struct bench b;
    struct destination *dest;

    (void)state;
    setup(&b);
    dest = try_add(&b, T1, 100);
    assert_int_equal(dest->shard_number, route_shard(span_str("A"), 4));
    assert_ptr_equal(dest->shard, &b.destinations.shards[dest->shard_number]);
    dest = try_add(&b, "{\"type\":\"execution\",\"account_id\":1,\"price\":1}",
                   100);
    assert_null(dest->shard);
    assert_true(span_is(dest->stream->name.text, "p:stream:executions:1"));
    teardown(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quote_is_kept_and_published),
        cmocka_unit_test(only_the_newest_value_of_a_batch_is_kept),
        cmocka_unit_test(quote_and_trade_share_a_hash_and_a_key),
        cmocka_unit_test(a_lifetime_is_not_renewed_with_every_batch),
        cmocka_unit_test(a_price_that_waited_lives_only_for_the_rest),
        cmocka_unit_test(what_is_stale_is_kept_but_not_published),
        cmocka_unit_test(joined_objects_keep_their_order_within_a_channel),
        cmocka_unit_test(a_joined_message_is_bounded),
        cmocka_unit_test(an_alert_goes_to_everybody_and_to_its_user),
        cmocka_unit_test(an_account_is_a_key_without_a_channel),
        cmocka_unit_test(a_chain_is_kept_in_a_list_of_three),
        cmocka_unit_test(a_bar_replaces_the_one_of_its_time),
        cmocka_unit_test(a_dropped_batch_leaves_no_newest_value_behind),
        cmocka_unit_test(a_newest_value_that_was_not_answered_stayed_unwritten),
        cmocka_unit_test(what_came_since_is_written_instead_of_what_was_lost),
        cmocka_unit_test(events_counted_once_for_each_of_their_channels),
        cmocka_unit_test(joined_events_were_counted_by_the_message),
        cmocka_unit_test(distinct_names_are_bounded),
        cmocka_unit_test(new_routes_keep_sequence_numbers),
        cmocka_unit_test(journal_shards_follow_the_symbol),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

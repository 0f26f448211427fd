#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wsgate/channels/message.h"

static struct bytes out;

/* The text of the one frame in out, which clients compare byte for byte. */
static void said(const char *want)
{
    size_t head = (unsigned char)out.ptr[1] < 126 ? 2 : 4;

    bytes_add(&out, "", 1);
    assert_string_equal(out.ptr + head, want);
    bytes_close(&out);
}

static void control_messages_keep_their_bytes(void **state)
{
    (void)state;
    message_welcome(&out, "5f0c", 15000, 1024, "live");
    said("{\"type\":\"welcome\",\"instance\":\"5f0c\",\"version\":\"" TW_VERSION
         "\",\"ping_ms\":15000,\"max_subscriptions\":1024,"
         "\"upstream\":\"live\"}");
    message_snapshot(&out, span_str("market_data:A"), 9000000000,
                     span_str("{\"bid\":95000.50}"), 1700000000123, false);
    said("{\"type\":\"snapshot\",\"channel\":\"market_data:A\","
         "\"seq\":9000000000,\"data\":{\"bid\":95000.50},"
         "\"timestamp\":1700000000123,\"source\":\"redis\"}");
    message_snapshot(&out, span_str("x"), 1, span_str("1"), 2, true);
    said("{\"type\":\"snapshot\",\"channel\":\"x\",\"seq\":1,\"data\":1,"
         "\"timestamp\":2,\"source\":\"local\"}");
    message_heartbeat(&out, 17, "stale");
    said("{\"type\":\"heartbeat\",\"time\":17,\"upstream\":\"stale\"}");
    message_gap(&out, span_str("a:b"), span_str("1\"7"), "trimmed");
    said("{\"type\":\"gap\",\"channel\":\"a:b\",\"from\":\"1\\\"7\","
         "\"reason\":\"trimmed\"}");
    message_bye(&out, "drain", 500, 8000);
    said("{\"type\":\"bye\",\"reason\":\"drain\",\"retry_ms\":[500,8000]}");
}

static void an_id_is_given_back_only_where_there_was_one(void **state)
{
    (void)state;
    message_error(&out, span_str("\"a\""), "bad_request", "no \"x\"", false);
    said("{\"type\":\"error\",\"id\":\"a\",\"code\":\"bad_request\","
         "\"message\":\"no \\\"x\\\"\",\"temporary\":false}");
    message_error(&out, span_str(""), "busy", "wait", true);
    said("{\"type\":\"error\",\"code\":\"busy\",\"message\":\"wait\","
         "\"temporary\":true}");
    message_pong(&out, span_str("7"), 17);
    said("{\"type\":\"pong\",\"id\":7,\"time\":17}");
}

static void results_are_a_list_of_all_kinds(void **state)
{
    struct message_frame f =
        message_results_begin(&out, "subscribed", span_str("7"));

    (void)state;
    message_result_ok(&f, span_str("a"), span_str("a"), "e1", 12);
    message_result_ok(&f, span_str("bars:A:1D"), span_str("bars:A:D"), NULL, 0);
    message_result_ok(&f, span_str("b:*"), span_str("b:*"), NULL, 0);
    message_result_bad(&f, span_str("c"), "forbidden", "not for you");
    message_result_mode(&f, span_str("d"), true, 0);
    message_result_mode(&f, span_str("e"), false, 250);
    message_results_end(&f);
    said("{\"type\":\"subscribed\",\"id\":7,\"results\":["
         "{\"channel\":\"a\",\"ok\":true,\"epoch\":\"e1\",\"seq\":12},"
         "{\"channel\":\"bars:A:1D\",\"ok\":true,\"as\":\"bars:A:D\"},"
         "{\"channel\":\"b:*\",\"ok\":true},"
         "{\"channel\":\"c\",\"ok\":false,\"code\":\"forbidden\","
         "\"message\":\"not for you\"},"
         "{\"channel\":\"d\",\"ok\":true,\"mode\":\"all\"},"
         "{\"channel\":\"e\",\"ok\":true,\"mode\":\"latest\","
         "\"interval_ms\":250}]}");
    f = message_results_begin(&out, "unsubscribed", span_str(""));
    message_results_end(&f);
    said("{\"type\":\"unsubscribed\",\"results\":[]}");
}

/* Byte for byte the update that had this seq at once, whatever that does to
 * the lengths: frames of more than 125 and of more than 65535 bytes have other
 * heads. */
static void an_update_can_be_given_another_seq(void **state)
{
    static const uint64_t seqs[] = {1, 9, 10, 99999, UINT64_MAX};
    static char payload[66000], from[67000], to[67000];
    struct bytes prefix = {0};
    size_t data_at;

    (void)state;
    memset(payload, '7', sizeof payload);
    message_prefix(&prefix, span_str("bars:A:1"));
    for (size_t len = 1; len < sizeof payload; len += len == 80 ? 65300
                                                      : len == 65480
                                                          ? sizeof payload
                                                          : 1) {
        for (int i = 0; i < 25; i++) {
            struct span text = span_make(payload, len);
            uint64_t had = seqs[i / 5], gets = seqs[i % 5];
            size_t n = message_update(from, bytes_span(&prefix), had, text, 17,
                                      false, &data_at);
            size_t m = message_update(to, bytes_span(&prefix), gets, text, 17,
                                      false, &data_at);

            message_update_renumber(&out, span_make(from, n),
                                    bytes_span(&prefix), gets);
            assert_true(span_eq(bytes_span(&out), span_make(to, m)));
            assert_true(message_update_seq(bytes_span(&out),
                                           bytes_span(&prefix)) == gets);
            bytes_close(&out);
        }
    }
    /* Another dialect has none. */
    message_update_renumber(&out, span_str("\x81\x02{}"), bytes_span(&prefix),
                            5);
    assert_true(span_is(bytes_span(&out), "\x81\x02{}"));
    bytes_close(&out);
    bytes_close(&prefix);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_messages_keep_their_bytes),
        cmocka_unit_test(an_id_is_given_back_only_where_there_was_one),
        cmocka_unit_test(results_are_a_list_of_all_kinds),
        cmocka_unit_test(an_update_can_be_given_another_seq),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Messages from clients, and what is said to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/json/json.h"
#include "wsgate/channels/message.h"
#include "wsgate/client/command.h"

static void refused(const char *text, const char *part)
{
    struct command cmd;
    const char *why = NULL;

    assert_false(command_read(span_str(text), &cmd, &why));
    assert_non_null(strstr(why, part));
    command_free(&cmd);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    refused("", "not a JSON object");
    refused("[]", "not a JSON object");
    refused("{", "not a JSON object");
    refused("{}", "type is missing");
    refused("{\"type\":\"nope\"}", "type is not known");
    refused("{\"type\":\"subscribe\"}", "is missing");
    refused("{\"type\":\"subscribe\",\"channel\":7}", "not a string");
    refused("{\"type\":\"subscribe\",\"channels\":{}}", "not an array");
    refused("{\"type\":\"ping\",\"id\":1.5}", "id");
    refused("{\"type\":\"subscribe\",\"channels\":[],\"mode\":\"x\"}", "mode");
    refused("{\"type\":\"subscribe\",\"channel\":\"a\",\"since\":{\"a\":"
            "\"0123456789012345678901234567890123456789012345678901234567890"
            "1234\"}}",
            "since");
    refused("{\"type\":\"subscribe\",\"channels\":[],\"interval_ms\":60001}",
            "interval_ms");
    refused("{\"type\":\"subscribe\",\"channels\":[],\"interval_ms\":5,"
            "\"mode\":\"all\"}",
            "latest");
}

static void an_id_is_kept_also_when_the_rest_is_wrong(void **state)
{
    struct command cmd;
    const char *why;

    (void)state;
    assert_false(
        command_read(span_str("{\"id\":\"a\\\"b\",\"type\":1}"), &cmd, &why));
    assert_true(span_is(bytes_span(&cmd.id), "\"a\\\"b\""));
    command_free(&cmd);
}

static void both_forms_name_channels(void **state)
{
    struct command cmd;
    const char *why;
    struct span since;

    (void)state;
    assert_true(
        command_read(span_str("{\"type\":\"subscribe\",\"channel\":\"bars\","
                              "\"resolution\":\"1\",\"symbol\":\"AAPL\"}"),
                     &cmd, &why));
    assert_int_equal(cmd.n_channels, 1);
    assert_true(span_is(command_channel(&cmd, 0), "bars:AAPL:1"));
    assert_true(cmd.snapshot);
    command_free(&cmd);
    assert_true(command_read(
        span_str("{\"type\":\"subscribe\",\"id\":-7,\"channels\":[\"a:b\",3,"
                 "\"c:*\"],\"mode\":\"latest\",\"interval_ms\":250,"
                 "\"snapshot\":false,\"since\":{\"a:b\":\"17-0\"}}"),
        &cmd, &why));
    assert_true(span_is(bytes_span(&cmd.id), "-7"));
    assert_int_equal(cmd.n_channels, 3);
    assert_true(span_is(command_channel(&cmd, 0), "a:b"));
    assert_int_equal(command_channel(&cmd, 1).len, 0);
    assert_true(span_is(command_channel(&cmd, 2), "c:*"));
    assert_int_equal(cmd.mode, COMMAND_LATEST);
    assert_int_equal(cmd.interval_ms, 250);
    assert_false(cmd.snapshot);
    assert_true(command_since(&cmd, 0, &since));
    assert_true(span_is(since, "17-0"));
    assert_false(command_since(&cmd, 2, &since));
    command_free(&cmd);
}

/* The work and the answer are those of one name. */
static void what_is_named_twice_counts_once(void **state)
{
    struct command cmd;
    const char *why;

    (void)state;
    assert_true(command_read(
        span_str("{\"type\":\"subscribe\",\"channels\":[\"a:b\",1,\"a:b\",{},"
                 "\"bars:A:D\",\"a:b\",\"bars:A:1D\",null,\"\",\"a:b\"]}"),
        &cmd, &why));
    assert_int_equal(cmd.n_channels, 4);
    assert_true(span_is(command_channel(&cmd, 0), "a:b"));
    assert_int_equal(command_channel(&cmd, 1).len, 0);
    assert_true(span_is(command_channel(&cmd, 2), "bars:A:D"));
    assert_true(span_is(command_channel(&cmd, 3), "bars:A:1D"));
    assert_true(span_is(command_name(&cmd, 3, &why), "bars:A:D"));
    command_free(&cmd);
}

static void names_are_canonical_in_both_forms(void **state)
{
    static const char *const forms[] = {
        "{\"type\":\"subscribe\",\"channels\":[\"bars:A:1D\",\"bars:A:1min\"],"
        "\"since\":{\"bars:A:1D\":\"1-0\",\"bars:A:1min\":\"2-0\"}}",
        "{\"type\":\"unsubscribe\",\"channel\":\"bars\",\"symbol\":\"A\","
        "\"resolution\":\"1D\",\"since\":{\"bars:A:D\":\"1-0\"}}"};
    struct command cmd;
    const char *why;
    struct span since;

    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        assert_true(command_read(span_str(forms[i]), &cmd, &why));
        assert_true(span_is(command_channel(&cmd, 0), "bars:A:1D"));
        assert_true(span_is(command_name(&cmd, 0, &why), "bars:A:D"));
        assert_null(why);
        assert_true(command_since(&cmd, 0, &since));
        assert_true(span_is(since, "1-0"));
        if (cmd.n_channels > 1) {
            assert_int_equal(command_name(&cmd, 1, &why).len, 0);
            assert_non_null(strstr(why, "resolution"));
        }
        command_free(&cmd);
    }
}

/* Escapes, spaces and what nobody asked for change nothing. */
static void it_is_read_however_it_is_written(void **state)
{
    struct command cmd;
    const char *why;
    struct span since;

    (void)state;
    assert_true(command_read(
        span_str(" {\n\"x\" : {\"type\":1, \"y\":[[],{}]} , \"t\\u0079pe\":"
                 "\"subscri\\u0062e\",\"id\":\"\\u00e9\\\"\","
                 "\"channels\" : [ \"a\\u003ab\" , [1,[\"no\"]] ,"
                 "\"a:b\",-1.5e300,\"c\\/d\"],"
                 "\"since\":{\"a\\u003ab\":\"1\\u002d0\",\"c/d\":7}} "),
        &cmd, &why));
    assert_int_equal(cmd.kind, COMMAND_SUBSCRIBE);
    assert_true(span_is(bytes_span(&cmd.id), "\"\xc3\xa9\\\"\""));
    assert_int_equal(cmd.n_channels, 3);
    assert_true(span_is(command_channel(&cmd, 0), "a:b"));
    assert_int_equal(command_channel(&cmd, 1).len, 0);
    assert_true(span_is(command_channel(&cmd, 2), "c/d"));
    assert_true(command_since(&cmd, 0, &since));
    assert_true(span_is(since, "1-0"));
    assert_true(command_since(&cmd, 2, &since));
    assert_int_equal(since.len, 0);
    command_free(&cmd);
    refused("{\"type\":\"ping\",\"t\\u0079pe\":\"ping\"}", "not a JSON object");
    refused("{\"type\":\"ping\",\"x\":{\"a\":1,\"a\":2}}", "not a JSON object");
    refused("{\"type\":\"ping\",\"id\":9223372036854775808}", "id");
    refused("{\"type\":\"ping\"} x", "not a JSON object");
}

/* The text of the one frame in out. */
static struct span body(const struct bytes *out)
{
    size_t head = (out->ptr[1] & 127) == 126 ? 4 : 2;

    return span_make(out->ptr + head, out->len - head);
}

static void updates_carry_the_payload_as_it_was(void **state)
{
    struct bytes prefix;
    char room[400];
    size_t data_at;
    struct span payload = span_str("{\"hello\": [1, 2 ]}");
    size_t len;
    size_t head;

    (void)state;
    bytes_init(&prefix);
    message_prefix(&prefix, span_str("market_data:TEST"));
    assert_true(message_update_max(bytes_span(&prefix), payload) < sizeof room);
    len = message_update(room, bytes_span(&prefix), 1057, payload,
                         1700000000001, false, &data_at);
    assert_memory_equal(room + data_at, payload.ptr, payload.len);
    head = room[1] == 126 ? 4 : 2;
    assert_true(span_is(
        span_make(room + head, len - head),
        "{\"type\":\"update\",\"channel\":\"market_data:TEST\",\"seq\":1057,"
        "\"data\":{\"hello\": [1, 2 ]},\"timestamp\":1700000000001,"
        "\"source\":\"redis\"}"));
    bytes_close(&prefix);
}

static void everything_said_is_json(void **state)
{
    struct bytes out;

    (void)state;
    for (int i = 0; i < 8; i++) {
        struct message_frame r;
        json_value *v;

        bytes_init(&out);
        switch (i) {
        case 0:
            message_welcome(&out, "abc", 15000, 1024, "live");
            break;
        case 1:
            message_snapshot(&out, span_str("a:b"), UINT32_MAX, span_str("1"),
                             17, true);
            break;
        case 2:
            message_heartbeat(&out, 17, "stale");
            break;
        case 3:
            message_gap(&out, span_str("a:b"), span_str("1\"7"), "trimmed");
            break;
        case 4:
            message_bye(&out, "drain", 500, 8000);
            break;
        case 5:
            message_error(&out, span_str("\"x\""), "bad_request", "say \"so\"",
                          true);
            break;
        case 6:
            message_pong(&out, span_str(""), 17);
            break;
        default:
            r = message_results_begin(&out, "subscribed", span_str("7"));
            message_result_ok(&r, span_str("a:b"), span_str("a:b"), "beef", 12);
            message_result_bad(&r, span_str("\"\n"), "bad_channel", "no");
            message_result_mode(&r, span_str("c:*"), true, 250);
            message_results_end(&r);
            break;
        }
        v = json_read(body(&out), NULL);
        assert_true(json_is_object(v));
        assert_non_null(json_member(v, "type"));
        json_free(v);
        bytes_close(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(an_id_is_kept_also_when_the_rest_is_wrong),
        cmocka_unit_test(both_forms_name_channels),
        cmocka_unit_test(what_is_named_twice_counts_once),
        cmocka_unit_test(names_are_canonical_in_both_forms),
        cmocka_unit_test(it_is_read_however_it_is_written),
        cmocka_unit_test(updates_carry_the_payload_as_it_was),
        cmocka_unit_test(everything_said_is_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

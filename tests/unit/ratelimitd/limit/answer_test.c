#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "ratelimitd/limit/answer.h"

static struct rule api = {.name = "api",
                          .name_len = 3,
                          .limit = {.limit = 100, .window_us = 60000000}};
static struct rule orders = {.name = "orders",
                             .name_len = 6,
                             .limit = {.limit = 10, .window_us = 1000000}};

static void says(struct bytes *out, const char *text)
{
    bytes_add(out, "", 1);
    assert_string_equal(out->ptr, text);
    bytes_clear(out);
}

static void the_answer_of_the_manual_is_given_byte_for_byte(void **state)
{
    struct outcome o = {.n = 1,
                        .rules = {&api},
                        .verdicts = {{.allowed = true,
                                      .limit = 100,
                                      .remaining = 99,
                                      .reset_ms = 60000}},
                        .allowed = true,
                        .source = OUTCOME_REDIS};
    struct bytes out;

    (void)state;
    bytes_init(&out);
    answer_json(&out, span_str("1"), false, &o);
    says(&out, "{\"id\":1,\"allowed\":true,\"rule\":\"api\",\"limit\":100,"
               "\"remaining\":99,\"retry_after_ms\":0,\"reset_ms\":60000,"
               "\"source\":\"redis\"}\n");
    o.source = OUTCOME_LOCAL;
    o.degraded = true;
    o.verdicts[0].retry_after_ms = LIMIT_NEVER;
    answer_json(&out, span_make(NULL, 0), false, &o);
    says(&out, "{\"allowed\":true,\"rule\":\"api\",\"limit\":100,"
               "\"remaining\":99,\"retry_after_ms\":-1,\"reset_ms\":60000,"
               "\"source\":\"local\",\"degraded\":true}\n");
    answer_error(&out, span_str("\"a\""), "say \"why\"");
    says(&out, "{\"id\":\"a\",\"error\":\"say \\\"why\\\"\"}\n");
    bytes_close(&out);
}

static void of_several_rules_the_one_that_decides_is_on_top(void **state)
{
    struct outcome o = {
        .n = 2,
        .rules = {&api, &orders},
        .verdicts = {{.allowed = true, .limit = 100, .remaining = 5},
                     {.allowed = true, .limit = 10, .remaining = 7}}};

    (void)state;
    assert_int_equal(outcome_deciding(&o), 0);
    o.verdicts[1].remaining = 1;
    assert_int_equal(outcome_deciding(&o), 1);
    o.verdicts[0].allowed = false;
    o.verdicts[0].retry_after_ms = 10;
    assert_int_equal(outcome_deciding(&o), 0);
    o.verdicts[1].allowed = false;
    o.verdicts[1].retry_after_ms = 20;
    assert_int_equal(outcome_deciding(&o), 1);
    o.verdicts[0].retry_after_ms = LIMIT_NEVER;
    assert_int_equal(outcome_deciding(&o), 0);
}

static void headers_round_up_to_whole_seconds(void **state)
{
    struct outcome o = {
        .n = 1,
        .rules = {&orders},
        .verdicts = {{.limit = 10, .retry_after_ms = 1, .reset_ms = 6001}}};
    struct bytes out;

    (void)state;
    bytes_init(&out);
    answer_headers(&out, &o);
    says(&out, "Retry-After: 1\r\n"
               "RateLimit-Policy: \"orders\";q=10;w=1\r\n"
               "RateLimit: \"orders\";r=0;t=7\r\n");
    o.verdicts[0].retry_after_ms = LIMIT_NEVER; /* no time would be true */
    answer_headers(&out, &o);
    says(&out, "RateLimit-Policy: \"orders\";q=10;w=1\r\n"
               "RateLimit: \"orders\";r=0;t=7\r\n");
    bytes_close(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_answer_of_the_manual_is_given_byte_for_byte),
        cmocka_unit_test(of_several_rules_the_one_that_decides_is_on_top),
        cmocka_unit_test(headers_round_up_to_whole_seconds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

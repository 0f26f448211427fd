/* The price of a symbol: of the quotes and trades, or of the stock service,
 * whichever is newer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/wsgate/http/api_world.h"

static void add_value(struct bytes *out, const char *value)
{
    if (value)
        bytes_printf(out, "$%zu\r\n%s\r\n", strlen(value), value);
    else
        bytes_add_str(out, "$-1\r\n");
}

/* What is said where Redis holds these (NULL: nothing). */
static void assert_price(const char *price, const char *stock,
                         const char *status, const char *body)
{
    struct bytes reply = {0};
    const char *answers[] = {NULL, NULL};
    const char *said;
    struct world w;

    bytes_add_str(&reply, "*2\r\n");
    add_value(&reply, price);
    add_value(&reply, stock);
    bytes_add(&reply, "", 1);
    answers[0] = reply.ptr;
    world_open(&w, "dev:");
    world_answers(&w, answers);
    said = world_get(&w, "/api/v1/price/AAPL");
    assert_memory_equal(said + strlen("HTTP/1.1 "), status, 3);
    assert_body(said, body);
    assert_true(world_asked(&w, "*3\r\n$4\r\nMGET\r\n$14\r\ndev:price:AAPL\r\n"
                                "$20\r\ndev:stock:price:AAPL\r\n"));
    assert_int_equal(w.fake.commands, 1);
    world_close(&w);
    bytes_close(&reply);
}

static void the_one_that_is_there_is_told(void **state)
{
    (void)state;
    assert_price("{\"time\":1}", NULL, "200", "{\"time\":1}");
    assert_price(NULL, "{\"p\":2}", "200", "{\"p\":2}");
    assert_price(" { \"as\":\"it is\"}", NULL, "200", " { \"as\":\"it is\"}");
    assert_price(NULL, NULL, "404",
                 "{\"error\":\"not_found\","
                 "\"message\":\"there is no price of AAPL now\"}\n");
}

static void of_two_the_newer_one_is_told(void **state)
{
    (void)state;
    assert_price("{\"time\":2}", "{\"time\":1}", "200", "{\"time\":2}");
    assert_price("{\"time\":1}", "{\"time\":2}", "200", "{\"time\":2}");
    assert_price("{\"time\":1}", "{\"timestamp\":2}", "200",
                 "{\"timestamp\":2}");
    /* Nothing says that the other one is. */
    assert_price("{\"time\":1,\"a\":1}", "{\"time\":1}", "200",
                 "{\"time\":1,\"a\":1}");
    assert_price("{\"time\":1}", "{\"p\":2}", "200", "{\"time\":1}");
    assert_price("no JSON", "{\"time\":2}", "200", "{\"time\":2}");
    assert_price("no JSON", NULL, "404",
                 "{\"error\":\"not_found\","
                 "\"message\":\"there is no price of AAPL now\"}\n");
}

static void a_price_alone_becomes_an_object(void **state)
{
    (void)state;
    assert_price(NULL, "150.250", "200",
                 "{\"symbol\":\"AAPL\",\"price\":150.250}");
    assert_price(NULL, "-1", "200", "{\"symbol\":\"AAPL\",\"price\":-1}");
    assert_price("{\"time\":1}", "150.25", "200", "{\"time\":1}");
    assert_price(NULL, "150.25.1", "404",
                 "{\"error\":\"not_found\","
                 "\"message\":\"there is no price of AAPL now\"}\n");
}

static void without_redis_it_is_what_was_heard_last(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, NULL);
    world_publish(
        &w, "stock:price_updates",
        "{\"type\":\"price_update\",\"symbol\":\"B\",\"time\":1700000000009,"
        "\"price\":1}");
    assert_status(world_get(&w, "/api/v1/price/A"), "404");
    world_publish(&w, "market_data:A",
                  "{\"type\":\"trade\",\"symbol\":\"A\",\"time\":1700000000002,"
                  "\"price\":2.50}");
    world_publish(
        &w, "stock:price_updates",
        "{\"type\":\"price_update\",\"symbol\":\"A\",\"time\":1700000000001,"
        "\"price\":1}");
    assert_body(world_get(&w, "/api/v1/price/A"),
                "{\"symbol\":\"A\",\"time\":1700000000002,\"price\":2.50}");
    world_publish(
        &w, "stock:price_updates",
        "{\"type\":\"price_update\",\"symbol\":\"A\",\"time\":1700000000003,"
        "\"price\":3,\"volume\":7}");
    assert_body(
        world_get(&w, "/api/v1/price/A"),
        "{\"type\":\"price_update\",\"symbol\":\"A\",\"time\":1700000000003,"
        "\"price\":3,\"volume\":7}");
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_one_that_is_there_is_told),
        cmocka_unit_test(of_two_the_newer_one_is_told),
        cmocka_unit_test(a_price_alone_becomes_an_object),
        cmocka_unit_test(without_redis_it_is_what_was_heard_last),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

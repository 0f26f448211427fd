#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/event/channel_name.h"
#include "common/event/route.h"
#include "wsgate/channels/dialect.h"

/* DIALECTS: none. */
static void each_address_speaks_one_dialect(void **state)
{
    static const struct {
        const char *path;
        enum dialect plain, dev;
    } cases[] = {
        {"/ws", DIALECT_NATIVE, DIALECT_NATIVE},
        {"/ws/", DIALECT_NATIVE, DIALECT_NATIVE},
        {"//ws", DIALECT_NATIVE, DIALECT_NATIVE},
        {"///ws/", DIALECT_NATIVE, DIALECT_NATIVE},
        {"/api/v1/ws", DIALECT_STOCK, DIALECT_STOCK},
        {"/api/v1/ws/", DIALECT_STOCK, DIALECT_STOCK},
        {"//api/v1/ws/", DIALECT_STOCK, DIALECT_STOCK},
        {"/stream/ticks", DIALECT_TICKS, DIALECT_TICKS},
        {"/stream/ticks/", DIALECT_TICKS, DIALECT_TICKS},
        {"/echo", DIALECTS, DIALECT_ECHO},
        {"/echo/", DIALECTS, DIALECT_ECHO},
        {"/ws//", DIALECTS, DIALECTS},
        {"/wsx", DIALECTS, DIALECTS},
        {"/wsx/", DIALECTS, DIALECTS},
        {"/ws/x", DIALECTS, DIALECTS},
        {"/x/ws", DIALECTS, DIALECTS},
        {"/WS", DIALECTS, DIALECTS},
        {"ws", DIALECTS, DIALECTS},
        {"/", DIALECTS, DIALECTS},
        {"//", DIALECTS, DIALECTS},
        {"", DIALECTS, DIALECTS},
        {"/stream", DIALECTS, DIALECTS},
        {"/stream/ticks/x", DIALECTS, DIALECTS},
        {"/api//v1/ws", DIALECTS, DIALECTS},
        {"/api/v1/ws/status", DIALECTS, DIALECTS},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int dev = 0; dev < 2; dev++) {
            enum dialect d = DIALECTS,
                         want = dev ? cases[i].dev : cases[i].plain;

            if (dialect_of_path(span_str(cases[i].path), dev, &d) !=
                    (want != DIALECTS) ||
                d != want)
                fail_msg("'%s' dev %d: %d", cases[i].path, dev, (int)d);
        }
    }
}

/* A client that says nothing gets what everybody may have. */
static void what_comes_unasked_can_be_subscribed_to_by_anybody(void **state)
{
    struct route_table *routes = route_table_new(NULL, NULL);
    unsigned names = 0;
    struct bytes name;
    const char *why;

    (void)state;
    bytes_init(&name);
    assert_null(dialect_row(DIALECT_NATIVE)->subscriptions);
    for (unsigned i = DIALECT_NATIVE + 1; i < DIALECTS; i++) {
        const struct dialect_row *d = dialect_row((enum dialect)i);

        if (i == DIALECT_ECHO)
            continue;
        assert_non_null(d->subscriptions);
        for (const char *const *n = d->subscriptions; *n; n++, names++) {
            assert_true(channel_name_read(span_str(*n), &name, &why));
            assert_true(span_is(bytes_span(&name), *n));
            assert_false(route_channel_is_internal(span_str(*n)));
            assert_false(route_is_private(routes, span_str(*n)));
        }
    }
    assert_int_equal(names, 4);
    bytes_close(&name);
    route_table_free(routes);
}

static bool accepts(enum dialect dialect, const char *type, const char *payload)
{
    const struct dialect_message m = {.type = span_str(type),
                                      .payload = span_str(payload)};

    return dialect_row(dialect)->accepts(&m);
}

static void the_stock_service_gets_its_three_types(void **state)
{
    (void)state;
    assert_true(accepts(DIALECT_STOCK, "price_update", "{}"));
    assert_true(accepts(DIALECT_STOCK, "market_status", "{}"));
    assert_true(accepts(DIALECT_STOCK, "trading_alert", "{\"level\":1}"));
    assert_false(accepts(DIALECT_STOCK, "tick", "{}"));
    assert_false(accepts(DIALECT_STOCK, "price_updates", "{}"));
    assert_false(accepts(DIALECT_STOCK, "", "1"));
}

/* Into a buffer of just the size that was asked for, so that the sanitizer
 * sees one byte too many. */
static void assert_frame(enum dialect dialect, const struct dialect_message *m,
                         size_t head, const char *text)
{
    const struct dialect_row *d = dialect_row(dialect);
    char *at = malloc(d->max(m));
    size_t data_at = 0, len = d->frame(at, m, &data_at);

    assert_int_equal(len, head + strlen(text));
    assert_true(len <= d->max(m));
    assert_int_equal((unsigned char)at[0], 0x81);
    assert_memory_equal(at + head, text, len - head);
    assert_memory_equal(at + data_at, m->payload.ptr, m->payload.len);
    free(at);
}

static void an_object_without_a_type_is_what_its_channel_is_for(void **state)
{
    static const char *const rows[][3] = {
        {"stock:price_updates", "{\"symbol\":\"A\"}", "price_update"},
        {"stock:market_status", " \t{}", "market_status"},
        {"stock:trading_alerts", "{}", "trading_alert"},
        {"stock:price_updates", "150.25", NULL},
        {"stock:price_updates", "[{}]", NULL},
        {"stock:price_updates", "\"{}\"", NULL},
        {"stock:other", "{}", NULL},
        {"market_data:A", "{}", NULL},
    };
    const struct dialect_row *d = dialect_row(DIALECT_STOCK);

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct dialect_message m = {.channel = span_str(rows[i][0]),
                                    .type = span_str(""),
                                    .payload = span_str(rows[i][1])};
        char text[100];

        assert_int_equal(d->accepts(&m), rows[i][2] != NULL);
        if (!rows[i][2])
            continue;
        snprintf(text, sizeof text,
                 "{\"type\":\"%s\",\"data\":%s,\"source\":\"redis\"}",
                 rows[i][2], rows[i][1]);
        assert_frame(DIALECT_STOCK, &m, 2, text);
        /* What says that it is something else is believed. */
        m.type = span_str("tick");
        assert_false(d->accepts(&m));
    }
}

static void raw_ticks_are_quotes_and_trades(void **state)
{
    (void)state;
    assert_true(accepts(DIALECT_TICKS, "tick", "{}"));
    assert_true(accepts(DIALECT_TICKS, "trade", "{}"));
    assert_false(accepts(DIALECT_TICKS, "bar", "{}"));
    assert_false(accepts(DIALECT_TICKS, "price_update", "{}"));
    assert_false(accepts(DIALECT_TICKS, "", "1"));
}

static void a_frame_fits_its_bound_and_knows_where_the_payload_is(void **state)
{
    struct dialect_message m = {.type = span_str("market_status"),
                                .payload = span_str("{\"open\":true}")};
    char payload[300], text[400];

    (void)state;
    assert_frame(DIALECT_TICKS, &m, 2, "{\"open\":true}");
    assert_frame(DIALECT_STOCK, &m, 2,
                 "{\"type\":\"market_status\",\"data\":{\"open\":true},"
                 "\"source\":\"redis\"}");
    m.local = true;
    assert_frame(DIALECT_STOCK, &m, 2,
                 "{\"type\":\"market_status\",\"data\":{\"open\":true},"
                 "\"source\":\"local\"}");
    memset(payload, '1', sizeof payload);
    m.payload = span_make(payload, sizeof payload);
    snprintf(text, sizeof text, "%.*s", (int)sizeof payload, payload);
    assert_frame(DIALECT_TICKS, &m, 4, text);
    snprintf(text, sizeof text,
             "{\"type\":\"market_status\",\"data\":%.*s,\"source\":\"local\"}",
             (int)sizeof payload, payload);
    assert_frame(DIALECT_STOCK, &m, 4, text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_address_speaks_one_dialect),
        cmocka_unit_test(what_comes_unasked_can_be_subscribed_to_by_anybody),
        cmocka_unit_test(the_stock_service_gets_its_three_types),
        cmocka_unit_test(an_object_without_a_type_is_what_its_channel_is_for),
        cmocka_unit_test(raw_ticks_are_quotes_and_trades),
        cmocka_unit_test(a_frame_fits_its_bound_and_knows_where_the_payload_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

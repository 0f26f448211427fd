#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdint.h>
#include <stdio.h>

#include "common/redis/redis_resp.h"

static void a_command_is_an_array_of_bulks(void **state)
{
    static const char want[] =
        "*4\r\n$3\r\nSET\r\n$5\r\na\0\r\nb\r\n$0\r\n\r\n$3\r\n-12\r\n";
    struct bytes b;

    (void)state;
    bytes_init(&b);
    resp_array(&b, 4);
    resp_bulk_str(&b, "SET");
    resp_bulk(&b, "a\0\r\nb", 5);
    resp_bulk_str(&b, "");
    resp_bulk_int(&b, -12);
    bytes_add(&b, "", 1);
    assert_int_equal(b.len, sizeof want);
    assert_memory_equal(b.ptr, want, sizeof want);
    bytes_close(&b);
}

static void every_length_has_its_header(void **state)
{
    static const size_t lengths[] = {0,   1,   9,   10,   11,    99,
                                     100, 101, 999, 1000, 65536, 1234567};
    struct bytes b, body;

    (void)state;
    bytes_init(&b);
    bytes_init(&body);
    bytes_reserve(&body, 1234567);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        char want[32];
        int n = snprintf(want, sizeof want, "$%zu\r\n", lengths[i]);

        bytes_clear(&b);
        memset(body.ptr, 'x', lengths[i]);
        resp_bulk(&b, body.ptr, lengths[i]);
        assert_int_equal(b.len, (size_t)n + lengths[i] + 2);
        assert_memory_equal(b.ptr, want, (size_t)n);
        assert_memory_equal(b.ptr + b.len - 2, "\r\n", 2);
    }
    bytes_close(&b);
    bytes_close(&body);
}

static void the_extreme_integers_are_written(void **state)
{
    struct bytes b;

    (void)state;
    bytes_init(&b);
    resp_bulk_int(&b, INT64_MIN);
    resp_bulk_int(&b, INT64_MAX);
    bytes_add(&b, "", 1);
    assert_string_equal(
        b.ptr, "$20\r\n-9223372036854775808\r\n$19\r\n9223372036854775807\r\n");
    bytes_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_is_an_array_of_bulks),
        cmocka_unit_test(every_length_has_its_header),
        cmocka_unit_test(the_extreme_integers_are_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/buf.h"
#include "common/base/bytes.h"

static void is(const struct bytes *b, const char *want)
{
    assert_int_equal(b->len, strlen(want));
    assert_memory_equal(b->ptr, want, b->len);
}

static void appending_keeps_what_was_there(void **state)
{
    struct bytes b;

    (void)state;
    bytes_init(&b);
    bytes_add_str(&b, "x=");
    bytes_printf(&b, "%s/%d", "y", 7);
    bytes_add_span(&b, span_str("."));
    bytes_add(&b, NULL, 0);
    is(&b, "x=y/7.");
    for (int i = 0; i < 1000; i++)
        bytes_add(&b, "0123456789", 10);
    assert_int_equal(b.len, 10006);
    assert_memory_equal(b.ptr, "x=y/7.012", 9);
    assert_memory_equal(b.ptr + b.len - 3, "789", 3);
    bytes_close(&b);
    assert_null(b.ptr);
}

static void integers_print_to_both_ends_of_their_range(void **state)
{
    struct bytes b;

    (void)state;
    bytes_init(&b);
    bytes_add_int(&b, 0);
    bytes_add_str(&b, " ");
    bytes_add_int(&b, -1);
    bytes_add_str(&b, " ");
    bytes_add_int(&b, INT64_MAX);
    bytes_add_str(&b, " ");
    bytes_add_int(&b, INT64_MIN);
    is(&b, "0 -1 9223372036854775807 -9223372036854775808");
    bytes_close(&b);
}

static void dropping_keeps_the_rest(void **state)
{
    struct bytes b;

    (void)state;
    bytes_init(&b);
    bytes_add_str(&b, "abcdef");
    bytes_drop(&b, 2);
    is(&b, "cdef");
    bytes_drop(&b, 4);
    is(&b, "");
    bytes_add_str(&b, "z");
    bytes_clear(&b);
    assert_int_equal(b.len, 0);
    assert_non_null(b.ptr);
    bytes_close(&b);
}

static void a_copied_string_ends_with_nul(void **state)
{
    char *s = mem_str(span_make("abc", 2));

    (void)state;
    assert_string_equal(s, "ab");
    free(s);
    s = mem_str(span_make(NULL, 0));
    assert_string_equal(s, "");
    free(s);
}

static void a_buffer_lives_as_long_as_one_holder(void **state)
{
    struct buf *a = buf_new("hello", 5), *b = buf_ref(a);

    (void)state;
    assert_int_equal(a->refs, 2);
    a = buf_unref(a);
    assert_null(a);
    assert_memory_equal(b->data, "hello", b->len);
    b = buf_unref(b);
    assert_null(buf_unref(NULL));
    assert_null(buf_ref(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appending_keeps_what_was_there),
        cmocka_unit_test(integers_print_to_both_ends_of_their_range),
        cmocka_unit_test(dropping_keeps_the_rest),
        cmocka_unit_test(a_copied_string_ends_with_nul),
        cmocka_unit_test(a_buffer_lives_as_long_as_one_holder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "bargen/store/entry_id.h"

static void entry_ids_are_read_and_compared(void **state)
{
    static const char *const bad[] = {"",    "1",   "-",
                                      "1-",  "-1",  "1-2-3",
                                      "x-1", "1-x", "99999999999999999999-0"};
    struct entry_id a, b;

    (void)state;
    assert_true(entry_id_parse(span_str("1697097600000-3"), &a));
    assert_true(a.ms == 1697097600000 && a.seq == 3);
    assert_true(entry_id_parse(span_str("1697097600000-10"), &b));
    assert_true(entry_id_before(a, b));
    assert_false(entry_id_before(b, a));
    assert_false(entry_id_before(a, a));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (entry_id_parse(span_str(bad[i]), &a))
            fail_msg("'%s' is not refused", bad[i]);
    assert_true(a.seq == 3);
}

static void an_id_is_printed_as_it_is_read(void **state)
{
    char text[ENTRY_ID_TEXT_MAX];
    struct entry_id id;

    (void)state;
    assert_true(entry_id_parse(span_str("9999999999999999999-0"), &id));
    entry_id_print(id, text);
    assert_string_equal(text, "9999999999999999999-0");
    entry_id_print((struct entry_id){UINT64_MAX, UINT64_MAX}, text);
    assert_string_equal(text, "18446744073709551615-18446744073709551615");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entry_ids_are_read_and_compared),
        cmocka_unit_test(an_id_is_printed_as_it_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

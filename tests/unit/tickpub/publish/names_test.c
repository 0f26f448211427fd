#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <stdlib.h>

#include "common/base/bytes.h"
#include "tickpub/publish/names.h"

enum { MANY = 100000 };

static void every_name_is_found_and_no_other(void **state)
{
    struct name *names = mem_zero(MANY * sizeof *names);
    struct names t = {0};
    char text[32];

    (void)state;
    assert_null(names_find(&t, span_str("x"), names_hash(span_str("x"))));
    for (int i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "SYMBOL%d", i);
        names[i].text = span_make(mem_str(span_str(text)), strlen(text));
        names_add(&t, &names[i]);
    }
    assert_int_equal(t.count, MANY);
    for (int i = 0; i < MANY; i++) {
        struct span s;

        snprintf(text, sizeof text, "SYMBOL%d", i);
        s = span_str(text);
        assert_ptr_equal(names_find(&t, s, names_hash(s)), &names[i]);
        text[0] = 's';
        assert_null(names_find(&t, s, names_hash(s)));
    }
    names_close(&t);
    for (int i = 0; i < MANY; i++)
        free((void *)(uintptr_t)names[i].text.ptr);
    free(names);
}

static void names_of_every_length_differ(void **state)
{
    static const char text[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    (void)state;
    for (size_t i = 0; i < sizeof text - 1; i++) {
        for (size_t k = 0; k < i; k++)
            assert_true(names_hash(span_make(text, i)) !=
                        names_hash(span_make(text, k)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_is_found_and_no_other),
        cmocka_unit_test(names_of_every_length_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

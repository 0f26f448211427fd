#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bargen/core/fingerprint.h"
#include "common/base/bytes.h"

/* The text ends where its memory ends. */
static void check(struct fingerprint_kept *kept, const char *text, size_t len)
{
    char *copy = mem_alloc(len);

    memcpy(copy, text, len);
    assert_int_equal(fingerprint_again(kept, span_make(copy, len)),
                     fingerprint_make(span_make(text, len)));
    free(copy);
}

static void what_is_kept_is_of_that_text_alone(void **state)
{
    struct fingerprint_kept kept = {.len = 0};
    char text[FINGERPRINT_KEPT_MAX + 3];

    (void)state;
    memset(text, 'a', sizeof text);
    for (size_t len = 0; len <= sizeof text; len++) {
        check(&kept, text, len);
        check(&kept, text, len);
        /* At every byte, in either direction. */
        for (size_t i = 0; i < len; i++) {
            text[i] = 'b';
            check(&kept, text, len);
            text[i] = 'a';
            check(&kept, text, len);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_is_of_that_text_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

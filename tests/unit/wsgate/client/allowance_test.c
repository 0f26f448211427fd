/* How much one client may ask for, in what time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wsgate/client/allowance.h"

static const struct allowance_rule rule = {
    .rate = 20, .burst = 5, .max_message_bytes = 65536};

/* One message with a payload of so many bytes, in a frame of its own. */
static bool say(struct allowance *a, size_t len, uint32_t now_ms)
{
    allowance_refill(a, &rule, now_ms);
    return allowance_message(a, len);
}

static void short_messages_count_one_each(void **state)
{
    struct allowance a;

    (void)state;
    allowance_open(&a, &rule, UINT32_MAX - 20); /* the clock wraps around */
    for (int i = 0; i < 5; i++)
        assert_true(say(&a, (size_t)i * 2000, UINT32_MAX - 20));
    assert_false(say(&a, 1, UINT32_MAX - 20));
    allowance_open(&a, &rule, UINT32_MAX - 20);
    for (int i = 0; i < 5; i++)
        assert_true(say(&a, 0, UINT32_MAX - 20));
    assert_true(say(&a, 1, 29)); /* 50 ms later: one more */
    assert_false(say(&a, 1, 29));
    for (uint32_t t = 30; t < 99; t++) /* none of the time is lost */
        allowance_refill(&a, &rule, t);
    assert_true(say(&a, 1, 5000));
}

static void a_long_message_counts_as_several(void **state)
{
    struct allowance a;

    (void)state;
    allowance_open(&a, &rule, 0);
    assert_true(say(&a, 65000, 0)); /* eight messages: more than there are */
    assert_false(say(&a, 1, 0));
    allowance_open(&a, &rule, 0);
    assert_true(say(&a, 65000, 0));
    assert_false(say(&a, 1, 150)); /* three of debt, and three paid */
    assert_true(say(&a, 1, 250));
    /* In parts it counts no more. */
    allowance_open(&a, &rule, 0);
    for (int i = 0; i < 5; i++)
        assert_true(allowance_other(&a, &rule, 13000));
    assert_true(say(&a, 65000 - 8, 0));
    assert_true(allowance_other(&a, &rule, -65000));
    assert_false(say(&a, 1, 150));
    assert_true(say(&a, 1, 250));
}

static void what_is_named_counts(void **state)
{
    struct allowance a;

    (void)state;
    allowance_open(&a, &rule, 0);
    assert_true(say(&a, 10, 0));
    allowance_names(&a, 3 * 1024);
    assert_true(say(&a, 10, 0));
    assert_false(say(&a, 10, 0));
}

/* Pongs, empty fragments: no messages, and not free. */
static void bytes_of_no_use_are_bounded(void **state)
{
    struct allowance a;
    size_t read = 0;

    (void)state;
    allowance_open(&a, &rule, 0);
    while (allowance_other(&a, &rule, 1460))
        read += 1460;
    assert_in_range(read, 65536, 65536 + 3 * 5 * ALLOWANCE_MESSAGE_BYTES);
    assert_false(allowance_message(&a, 10));
    /* The debt has a bound, too. */
    for (int i = 0; i < 1000; i++)
        assert_false(allowance_other(&a, &rule, 65536));
    assert_true(say(&a, 10, 5000));
}

static void bad_requests_are_forgiven_with_time(void **state)
{
    struct allowance a;
    uint32_t t = UINT32_MAX - 1000;

    (void)state;
    allowance_open(&a, &rule, t);
    for (int i = 0; i < 1000; i++, t += 25000)
        assert_true(allowance_bad(&a, t)); /* however long */
    allowance_open(&a, &rule, t);
    for (int i = 1; i < ALLOWANCE_BAD_MAX; i++)
        assert_true(allowance_bad(&a, t));
    t += ALLOWANCE_BAD_MS; /* one of the nine is forgiven */
    assert_true(allowance_bad(&a, t));
    assert_false(allowance_bad(&a, t));
    allowance_open(&a, &rule, t);
    for (int i = 1; i < ALLOWANCE_BAD_MAX; i++)
        assert_true(allowance_bad(&a, t + (uint32_t)i * 1000));
    assert_true(allowance_bad(&a, t + ALLOWANCE_BAD_MS + 1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_messages_count_one_each),
        cmocka_unit_test(a_long_message_counts_as_several),
        cmocka_unit_test(what_is_named_counts),
        cmocka_unit_test(bytes_of_no_use_are_bounded),
        cmocka_unit_test(bad_requests_are_forgiven_with_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

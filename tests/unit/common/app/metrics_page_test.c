#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those */
#include <cmocka.h>

#include "common/app/metrics_page.h"

enum {
    MS = 1000000,
    SPARE_NS = METRICS_PAGE_SPARE_MS * MS,
    TOOK_NS = MS / 2, /* to make one */
};

static const uint64_t later_ns = (uint64_t)1000000 * MS; /* all is spare */

/* It is asked for; was it made? */
static bool ask(struct metrics_page *page, uint64_t now_ns)
{
    if (!metrics_page_is_due(page, now_ns))
        return false;
    bytes_clear(&page->text);
    bytes_add_str(&page->text, "page");
    metrics_page_made(page, TOOK_NS);
    return true;
}

static void use_up(struct metrics_page *page, uint64_t now_ns)
{
    while (ask(page, now_ns)) {
    }
}

static void test_the_first_is_made(void **state)
{
    struct metrics_page page = {0};

    (void)state;
    page.spare_ns = -SPARE_NS; /* even where there is no time for it */
    assert_true(ask(&page, 1));
    assert_false(ask(&page, 2));
    metrics_page_close(&page);
}

static void test_who_asks_now_and_then_gets_a_new_one(void **state)
{
    struct metrics_page page = {0};

    (void)state;
    for (unsigned i = 0; i < 1000; i++)
        assert_true(ask(&page, later_ns + i * TOOK_NS * METRICS_PAGE_SHARE));
    metrics_page_close(&page);
}

static void test_a_spare_is_kept_and_no_more(void **state)
{
    struct metrics_page page = {0};
    unsigned made = 0;

    (void)state;
    while (ask(&page, later_ns))
        made++;
    assert_int_equal(made, SPARE_NS / TOOK_NS);
    assert_int_equal(page.text.len, 4); /* what was made last is there */
    assert_true(ask(&page, 2 * later_ns));
    metrics_page_close(&page);
}

/* However often, and however short the time between. */
static void test_making_takes_its_share_at_most(void **state)
{
    struct metrics_page page = {0};
    uint64_t now_ns = later_ns, end_ns = now_ns + (uint64_t)1000 * MS;
    unsigned made = 0;

    (void)state;
    use_up(&page, now_ns);
    for (; now_ns < end_ns; now_ns += 333)
        made += ask(&page, now_ns);
    assert_in_range(made, 1000 * MS / METRICS_PAGE_SHARE / TOOK_NS,
                    1000 * MS / METRICS_PAGE_SHARE / TOOK_NS + 1);
    metrics_page_close(&page);
}

static void test_what_took_long_is_not_made_soon(void **state)
{
    struct metrics_page page = {0};
    uint64_t long_ns = 10 * (uint64_t)SPARE_NS;

    (void)state;
    use_up(&page, later_ns);
    assert_true(ask(&page, later_ns + METRICS_PAGE_SHARE));
    metrics_page_made(&page, long_ns);
    assert_false(
        ask(&page, later_ns + (long_ns - TOOK_NS) * METRICS_PAGE_SHARE));
    assert_true(
        ask(&page, later_ns + (long_ns + 2 * TOOK_NS) * METRICS_PAGE_SHARE));
    metrics_page_close(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_is_made),
        cmocka_unit_test(test_who_asks_now_and_then_gets_a_new_one),
        cmocka_unit_test(test_a_spare_is_kept_and_no_more),
        cmocka_unit_test(test_making_takes_its_share_at_most),
        cmocka_unit_test(test_what_took_long_is_not_made_soon),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

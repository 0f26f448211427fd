#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/limit/limit_log.h"

enum { STEPS = 1000000, SEEN_MAX = 4096 };

/* The obvious way: every accepted time, looked at one by one.  Only a charge
 * forgets what has left: a clock that steps back brings it to life again. */
struct plain {
    int64_t at_us[SEEN_MAX];
    int count;
};

static int64_t ms_up(int64_t us)
{
    return us / 1000 + (us % 1000 > 0);
}

static void plain_charge(struct plain *p, int gone, int64_t now_us,
                         int64_t cost)
{
    memmove(p->at_us, p->at_us + gone,
            (size_t)(p->count - gone) * sizeof p->at_us[0]);
    p->count -= gone;
    for (int64_t i = 0; i < cost; i++)
        p->at_us[p->count++] = now_us;
}

static struct verdict plain_ask(struct plain *p, int64_t limit,
                                int64_t window_us, int64_t clock_us,
                                int64_t cost, enum limit_mode mode)
{
    struct verdict v = {.limit = limit};
    int64_t newest = p->count ? p->at_us[p->count - 1] : clock_us;
    int64_t now = clock_us > newest ? clock_us : newest;
    int gone = 0, live;

    if (mode == LIMIT_RESET) {
        p->count = 0;
        v.allowed = true;
        v.remaining = limit;
        return v;
    }
    while (gone < p->count && p->at_us[gone] <= now - window_us)
        gone++;
    live = p->count - gone;
    if (live + cost <= limit) {
        v.allowed = true;
        if (mode == LIMIT_CHECK && cost > 0) {
            plain_charge(p, gone, now, cost);
            live += (int)cost;
        }
    } else if (cost > limit) {
        v.retry_after_ms = LIMIT_NEVER;
    } else {
        /* The first moment at which few enough are left. */
        int last = gone + (int)(live + cost - limit) - 1;
        v.retry_after_ms = ms_up(p->at_us[last] + window_us - clock_us);
    }
    v.remaining = limit > live ? limit - live : 0;
    if (live > 0)
        v.reset_ms = ms_up(p->at_us[p->count - 1] + window_us - clock_us);
    return v;
}

static uint64_t random_state;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void same(const struct verdict *a, const struct verdict *b, int step)
{
    if (a->allowed == b->allowed && a->limit == b->limit &&
        a->remaining == b->remaining &&
        a->retry_after_ms == b->retry_after_ms && a->reset_ms == b->reset_ms)
        return;
    fail_msg("step %d: allowed %d/%d remaining %ld/%ld retry %ld/%ld reset "
             "%ld/%ld",
             step, a->allowed, b->allowed, (long)a->remaining,
             (long)b->remaining, (long)a->retry_after_ms,
             (long)b->retry_after_ms, (long)a->reset_ms, (long)b->reset_ms);
}

/* Accepted times on a clock that never goes back, to look through windows. */
struct window {
    int64_t at_us[64];
    unsigned next;
};

/* True where more than n were accepted within any window that ends now. */
static bool over(struct window *w, int64_t now_us, int64_t window_us,
                 unsigned n)
{
    int64_t before = w->at_us[w->next % n];
    bool bad = w->next >= n && before > now_us - window_us;

    w->at_us[w->next % n] = now_us;
    w->next++;
    return bad;
}

static int64_t step_of(int64_t window_us)
{
    switch (next_random() % 8) {
    case 0:
        return 0; /* a burst in one microsecond */
    case 1:
        return 1;
    case 2:
        return window_us;
    case 3:
        return window_us - 1;
    default:
        return (int64_t)(next_random() % 2000);
    }
}

static void
every_field_is_that_of_a_plain_log_and_no_window_holds_more(void **state)
{
    static struct plain plain;
    struct limit_log log = {0};
    struct window window = {0};
    struct limit limit = {.limit = 10, .window_us = 20000};
    int64_t clock_us = INT64_C(1795167582072500);

    (void)state;
    random_state = 42;
    for (int i = 0; i < STEPS; i++) {
        int64_t cost =
            next_random() % 16 == 0 ? (int64_t)(next_random() % 13) : 1;
        enum limit_mode mode =
            next_random() % 8 == 0 ? LIMIT_PEEK : LIMIT_CHECK;
        struct verdict a, b;
        clock_us += step_of(limit.window_us);
        a = limit_log_ask(&log, &limit, clock_us, cost, mode);
        b = plain_ask(&plain, limit.limit, limit.window_us, clock_us, cost,
                      mode);
        same(&a, &b, i);
        for (int64_t k = 0; a.allowed && mode == LIMIT_CHECK && k < cost; k++)
            assert_false(over(&window, clock_us, limit.window_us, 10));
    }
    limit_log_close(&log);
}

static void
the_same_holds_when_the_clock_goes_back_and_the_limit_changes(void **state)
{
    static struct plain plain;
    struct limit_log log = {0};
    struct limit limit = {.limit = 10, .window_us = 20000};
    int64_t clock_us = INT64_C(1795167582072500);

    (void)state;
    random_state = 7;
    for (int i = 0; i < STEPS; i++) {
        int64_t cost = (int64_t)(next_random() % 3);
        uint64_t what = next_random() % 1000;
        enum limit_mode mode = what < 3 ? LIMIT_RESET : LIMIT_CHECK;
        struct verdict a, b;
        clock_us += step_of(limit.window_us);
        if (what == 500)
            clock_us -= (int64_t)(next_random() % 100000);
        if (what > 990)
            limit.limit = (int64_t)(next_random() % 50);
        a = limit_log_ask(&log, &limit, clock_us, cost, mode);
        b = plain_ask(&plain, limit.limit, limit.window_us, clock_us, cost,
                      mode);
        same(&a, &b, i);
    }
    limit_log_close(&log);
}

static void
who_waits_for_retry_after_is_admitted_and_not_a_millisecond_early(void **state)
{
    struct limit_log log = {0};
    struct limit limit = {.limit = 5, .window_us = 10000};
    int64_t clock_us = 1000000007;

    (void)state;
    random_state = 3;
    for (int i = 0; i < 100000; i++) {
        int64_t cost = 1 + (int64_t)(next_random() % 5);
        struct verdict v;
        clock_us += (int64_t)(next_random() % 3000);
        v = limit_log_ask(&log, &limit, clock_us, cost, LIMIT_CHECK);
        if (v.allowed)
            continue;
        assert_false(limit_log_ask(&log, &limit,
                                   clock_us + (v.retry_after_ms - 1) * 1000,
                                   cost, LIMIT_PEEK)
                         .allowed);
        clock_us += v.retry_after_ms * 1000;
        assert_true(
            limit_log_ask(&log, &limit, clock_us, cost, LIMIT_CHECK).allowed);
    }
    limit_log_close(&log);
}

static void an_entry_leaves_exactly_when_it_is_one_window_old(void **state)
{
    struct limit_log log = {0};
    struct limit limit = {.limit = 1, .window_us = 1000000};

    (void)state;
    assert_true(limit_log_ask(&log, &limit, 500, 1, LIMIT_CHECK).allowed);
    assert_false(limit_log_ask(&log, &limit, 1000499, 1, LIMIT_CHECK).allowed);
    assert_true(limit_log_ask(&log, &limit, 1000500, 1, LIMIT_PEEK).allowed);
    assert_true(limit_log_ask(&log, &limit, 1000501, 1, LIMIT_CHECK).allowed);
    limit_log_close(&log);
}

static void a_burst_in_one_microsecond_counts_each_request(void **state)
{
    struct limit_log log = {0};
    struct limit limit = {.limit = 100, .window_us = 60000000};
    int allowed = 0;

    (void)state;
    for (int i = 0; i < 250; i++)
        allowed += limit_log_ask(&log, &limit, 12345, 1, LIMIT_CHECK).allowed;
    assert_int_equal(allowed, 100);
    limit_log_close(&log);
}

static void costs_of_zero_all_and_too_much_are_told_apart(void **state)
{
    struct limit_log log = {0};
    struct limit limit = {.limit = 10, .window_us = 1000000};
    struct verdict v = limit_log_ask(&log, &limit, 5, 0, LIMIT_CHECK);

    (void)state;
    assert_true(v.allowed && v.remaining == 10 && v.reset_ms == 0);
    v = limit_log_ask(&log, &limit, 5, 11, LIMIT_CHECK);
    assert_true(!v.allowed && v.retry_after_ms == LIMIT_NEVER);
    assert_int_equal(v.remaining, 10);
    v = limit_log_ask(&log, &limit, 5, 10, LIMIT_CHECK);
    assert_true(v.allowed && v.remaining == 0 && v.reset_ms == 1000);
    v = limit_log_ask(&log, &limit, 5, 0, LIMIT_CHECK);
    assert_true(v.allowed && v.remaining == 0);
    v = limit_log_ask(&log, &limit, 5, 1, LIMIT_CHECK);
    assert_true(!v.allowed && v.retry_after_ms == 1000);
    limit_log_close(&log);
}

static void a_limit_of_nothing_denies_for_ever(void **state)
{
    struct limit_log log = {0};
    struct limit limit = {.limit = 0, .window_us = 1000000};
    struct verdict v = limit_log_ask(&log, &limit, 5, 1, LIMIT_CHECK);

    (void)state;
    assert_true(!v.allowed && v.retry_after_ms == LIMIT_NEVER);
    assert_int_equal(log.cap, 0);
}

static void denied_checks_take_no_memory(void **state)
{
    struct limit_log log = {0};
    struct limit limit = {.limit = 4, .window_us = 1000000};

    (void)state;
    for (int i = 0; i < 100000; i++)
        (void)limit_log_ask(&log, &limit, i, 1, LIMIT_CHECK);
    assert_int_equal(log.count, 4);
    assert_true(log.cap <= 8);
    limit_log_close(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            every_field_is_that_of_a_plain_log_and_no_window_holds_more),
        cmocka_unit_test(
            the_same_holds_when_the_clock_goes_back_and_the_limit_changes),
        cmocka_unit_test(
            who_waits_for_retry_after_is_admitted_and_not_a_millisecond_early),
        cmocka_unit_test(an_entry_leaves_exactly_when_it_is_one_window_old),
        cmocka_unit_test(a_burst_in_one_microsecond_counts_each_request),
        cmocka_unit_test(costs_of_zero_all_and_too_much_are_told_apart),
        cmocka_unit_test(a_limit_of_nothing_denies_for_ever),
        cmocka_unit_test(denied_checks_take_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

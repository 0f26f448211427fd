#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/limit/breaker.h"

static void three_late_answers_in_a_row_open_it(void **state)
{
    struct breaker b = {0};

    (void)state;
    breaker_failed(&b, 0);
    breaker_failed(&b, 0);
    breaker_answered(&b);
    breaker_failed(&b, 10);
    breaker_failed(&b, 10);
    assert_true(breaker_allows(&b, 10));
    breaker_failed(&b, 10);
    assert_false(breaker_allows(&b, 10));
}

static void one_question_tries_and_the_wait_doubles(void **state)
{
    struct breaker b = {0};
    int64_t now = 0, wait = BREAKER_FIRST_MS;

    (void)state;
    for (int i = 0; i < BREAKER_FAILURES; i++)
        breaker_failed(&b, now);
    for (int i = 0; i < 8; i++) {
        assert_false(breaker_allows(&b, now + wait - 1));
        assert_true(breaker_allows(&b, now + wait));
        assert_false(breaker_allows(&b, now + wait)); /* only one */
        now += wait + 40;
        breaker_failed(&b, now);
        wait = wait * 2 > BREAKER_LONGEST_MS ? BREAKER_LONGEST_MS : wait * 2;
    }
    assert_int_equal(b.opened, 1);
}

static void
questions_that_were_out_already_do_not_prolong_the_wait(void **state)
{
    struct breaker b = {0};

    (void)state;
    for (int i = 0; i < 10; i++)
        breaker_failed(&b, 0);
    assert_true(breaker_allows(&b, BREAKER_FIRST_MS));
}

static void an_answer_closes_it(void **state)
{
    struct breaker b = {0};

    (void)state;
    for (int i = 0; i < BREAKER_FAILURES; i++)
        breaker_failed(&b, 0);
    assert_true(breaker_allows(&b, BREAKER_FIRST_MS));
    breaker_answered(&b);
    assert_true(breaker_allows(&b, BREAKER_FIRST_MS));
    assert_true(breaker_allows(&b, BREAKER_FIRST_MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_late_answers_in_a_row_open_it),
        cmocka_unit_test(one_question_tries_and_the_wait_doubles),
        cmocka_unit_test(
            questions_that_were_out_already_do_not_prolong_the_wait),
        cmocka_unit_test(an_answer_closes_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

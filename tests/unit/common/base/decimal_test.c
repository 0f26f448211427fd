#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/base/decimal.h"

static struct decimal dec(const char *text)
{
    struct decimal d = {-1, 99};

    if (!decimal_parse(span_str(text), &d))
        fail_msg("'%s' does not parse", text);
    return d;
}

static void assert_text(struct decimal d, const char *want)
{
    char text[DECIMAL_TEXT_MAX];
    unsigned len = decimal_format(d, text);

    assert_string_equal(text, want);
    assert_int_equal(len, strlen(want));
}

static void a_number_prints_as_it_was_written(void **state)
{
    static const char *const same[] = {
        "0",
        "1",
        "95000.50",
        "0.00141342",
        "-3.10",
        "0.0",
        "0.000000000000000001",
        "999999999999999999",
        "-999999999999999999",
        "0.999999999999999999",
        "123456789.123456789",
        "10.000",
    };

    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        assert_text(dec(same[i]), same[i]);
}

static void exponents_are_applied(void **state)
{
    static const struct {
        const char *text, *plain;
        int scale;
    } all[] = {
        {"1.5e-7", "0.00000015", 8},
        {"1E3", "1000", 0},
        {"1.50e1", "15.0", 1},
        {"1.5e+1", "15", 0},
        {"-2e-1", "-0.2", 1},
        {"0e999", "0", 0},
        {"0e-999", "0.000000000000000000", 18},
        {"1e17", "100000000000000000", 0},
        {"0.001e3", "1", 0},
        {"1e00002", "100", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct decimal d = dec(all[i].text);

        assert_text(d, all[i].plain);
        assert_int_equal(d.scale, all[i].scale);
    }
}

static void what_is_no_number_or_too_long_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "-",
        "+1",
        "01",
        "-01",
        ".5",
        "1.",
        "1.e5",
        "1e",
        "1e+",
        "e5",
        "1 ",
        " 1",
        "1x",
        "NaN",
        "Infinity",
        "0x10",
        "1,5",
        "--1",
        "1.2.3",
        "1e5.5",
        "1e999",
        "1e18",
        "1e-19",
        "1000000000000000000",   /* 19 digits */
        "0.0000000000000000001", /* 19 behind the dot */
        "1234567890.1234567890", /* 20 in all */
        "1e99999999999999999999",
        "1e-99999999999999999999",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct decimal d = {42, 7};

        if (decimal_parse(span_str(bad[i]), &d))
            fail_msg("'%s' was taken", bad[i]);
        assert_int_equal(d.mant, 42); /* untouched */
        assert_int_equal(d.scale, 7);
    }
}

static void comparing_ignores_the_scale(void **state)
{
    (void)state;
    assert_int_equal(decimal_cmp(dec("1.50"), dec("1.5")), 0);
    assert_true(decimal_cmp(dec("1.49"), dec("1.5")) < 0);
    assert_true(decimal_cmp(dec("1.51"), dec("1.5")) > 0);
    assert_true(decimal_cmp(dec("-1"), dec("0.000000000000000001")) < 0);
    assert_true(decimal_cmp(dec("999999999999999999"),
                            dec("0.999999999999999999")) > 0);
    assert_int_equal(decimal_cmp(dec("0"), dec("-0.000")), 0);
}

static void assert_mid(const char *a, const char *b, const char *want)
{
    assert_text(decimal_mid(dec(a), dec(b)), want);
    assert_text(decimal_mid(dec(b), dec(a)), want);
}

static void the_middle_of_two_prices_is_exact(void **state)
{
    (void)state;
    assert_mid("95000.50", "95001.50", "95001.00");
    assert_mid("1.0950", "1.0951", "1.09505");
    assert_mid("1", "1.01", "1.005");
    assert_mid("-1", "0", "-0.5");
    /* The sum of the two does not fit, their middle does. */
    assert_mid("999999999999999999", "999999999999999997",
               "999999999999999998");
    assert_mid("-999999999999999999", "-999999999999999997",
               "-999999999999999998");
    assert_mid("99999999999999999", "99999999999999998", "99999999999999998.5");
    assert_mid("0", "-0.00", "0.00");
}

static void a_middle_of_nineteen_digits_is_exact(void **state)
{
    (void)state;
    assert_mid("100000000000000001", "100000000000000000",
               "100000000000000000.5");
    assert_mid("999999999999999999", "999999999999999998",
               "999999999999999998.5");
    assert_mid("-999999999999999999", "-999999999999999998",
               "-999999999999999998.5");
    assert_mid("0.000000000000000001", "0", "0.0000000000000000005");
    assert_mid("1.23456789012345678", "1.23456789012345679",
               "1.234567890123456785");
    assert_mid("12345678901234567.8", "12345678901234567.9",
               "12345678901234567.85");
    /* Nineteen digits in the sum, but zeros at its end. */
    assert_mid("200000000000000000", "1.0", "100000000000000000.5");
}

static void a_middle_of_more_digits_is_rounded(void **state)
{
    (void)state;
    assert_mid("99999999999999999.9", "100000000000000001",
               "100000000000000000");
    assert_mid("999999999999999999", "0.999999999999999999",
               "500000000000000000");
    assert_mid("123456789012345678", "0.2", "61728394506172839.1");
    assert_mid("100000000000000001", "2.2", "50000000000000001.6");
    assert_mid("1000000000000000.01", "0.000000000000000009",
               "500000000000000.005");
    assert_mid("300000000000000000", "1.01", "150000000000000001");
    assert_mid("300000000000000000", "0.99", "150000000000000000");
    assert_mid("300000000000000000", "1.2", "150000000000000001");
    assert_mid("-300000000000000000", "-1.2", "-150000000000000001");
    assert_mid("999999999999999999", "999999999999999.999",
               "500499999999999999");
}

static void halves_are_compared_like_others(void **state)
{
    struct decimal half =
        decimal_mid(dec("100000000000000001"), dec("100000000000000000"));
    struct decimal more =
        decimal_mid(dec("100000000000000001"), dec("100000000000000002"));

    (void)state;
    assert_true(half.scale & DECIMAL_HALF);
    assert_true(decimal_cmp(half, dec("100000000000000000")) > 0);
    assert_true(decimal_cmp(half, dec("100000000000000001")) < 0);
    assert_true(decimal_cmp(dec("100000000000000001"), half) > 0);
    assert_true(decimal_cmp(half, more) < 0);
    assert_int_equal(decimal_cmp(half, half), 0);
    assert_true(decimal_cmp(half, dec("0.000000000000000001")) > 0);
}

static void a_stored_decimal_is_judged(void **state)
{
    static const struct {
        struct decimal d;
        bool valid;
    } all[] = {
        {{999999999999999999, 18}, true},
        {{-999999999999999999, 0}, true},
        {{1000000000000000000, 0}, false},
        {{INT64_MIN, 0}, false},
        {{1, 19}, false},
        {{1999999999999999999, DECIMAL_HALF | 18}, true},
        {{-1999999999999999999, DECIMAL_HALF}, true},
        {{2000000000000000001, DECIMAL_HALF}, false},
        {{INT64_MIN + 1, DECIMAL_HALF}, false},
        {{2, DECIMAL_HALF}, false},
        {{1, DECIMAL_HALF | 19}, false},
        {{1, 64}, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        assert_int_equal(decimal_valid(all[i].d), all[i].valid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_prints_as_it_was_written),
        cmocka_unit_test(exponents_are_applied),
        cmocka_unit_test(what_is_no_number_or_too_long_is_refused),
        cmocka_unit_test(comparing_ignores_the_scale),
        cmocka_unit_test(the_middle_of_two_prices_is_exact),
        cmocka_unit_test(a_middle_of_nineteen_digits_is_exact),
        cmocka_unit_test(a_middle_of_more_digits_is_rounded),
        cmocka_unit_test(halves_are_compared_like_others),
        cmocka_unit_test(a_stored_decimal_is_judged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

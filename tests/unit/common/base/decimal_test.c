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

static void sums_and_differences_are_exact(void **state)
{
    struct decimal d;

    (void)state;
    assert_true(decimal_sub(dec("0.1"), dec("-0.2"), &d));
    assert_text(d, "0.3");
    assert_true(decimal_sub(dec("1.50"), dec("-2"), &d));
    assert_text(d, "3.50");
    assert_true(decimal_sub(dec("95001.50"), dec("95000.5"), &d));
    assert_text(d, "1.00");
    assert_true(decimal_sub(dec("1"), dec("1.5"), &d));
    assert_text(d, "-0.5");
}

static void a_sum_that_does_not_fit_is_refused(void **state)
{
    struct decimal d = {42, 7};

    (void)state;
    assert_false(decimal_sub(dec("999999999999999999"), dec("-1"), &d));
    assert_false(decimal_sub(dec("99999999999999999"), dec("-0.01"), &d));
    assert_false(decimal_sub(dec("-999999999999999999"), dec("1"), &d));
    assert_int_equal(d.mant, 42);
    assert_int_equal(d.scale, 7);
}

static void the_middle_of_two_prices_is_exact(void **state)
{
    struct decimal d;

    (void)state;
    assert_true(decimal_mid(dec("95000.50"), dec("95001.50"), &d));
    assert_text(d, "95001.00");
    assert_true(decimal_mid(dec("1.0950"), dec("1.0951"), &d));
    assert_text(d, "1.09505");
    assert_true(decimal_mid(dec("1"), dec("1.01"), &d));
    assert_text(d, "1.005");
    assert_true(decimal_mid(dec("-1"), dec("0"), &d));
    assert_text(d, "-0.5");
    /* The sum of the two does not fit, their middle does. */
    assert_true(
        decimal_mid(dec("999999999999999999"), dec("999999999999999997"), &d));
    assert_text(d, "999999999999999998");
    assert_true(decimal_mid(dec("-999999999999999999"),
                            dec("-999999999999999997"), &d));
    assert_text(d, "-999999999999999998");
    assert_true(
        decimal_mid(dec("99999999999999999"), dec("99999999999999998"), &d));
    assert_text(d, "99999999999999998.5");
    assert_false(
        decimal_mid(dec("100000000000000001"), dec("100000000000000000"), &d));
    assert_false(decimal_mid(dec("0.000000000000000001"), dec("0"), &d));
}

static void assert_sum(struct decimal_sum s, const char *want)
{
    char text[DECIMAL_TEXT_MAX];

    assert_int_equal(decimal_sum_format(s, text), strlen(want));
    assert_string_equal(text, want);
}

static void sums_grow_beyond_a_decimal(void **state)
{
    struct decimal_sum s = {0};

    (void)state;
    for (int i = 0; i < 10; i++)
        assert_true(decimal_sum_add(&s, dec("999999999999999999")));
    assert_sum(s, "9999999999999999990");
    assert_true(decimal_sum_add(&s, dec("0.000000000000000001")));
    assert_true(s.scale == 18);
    assert_false(
        decimal_sum_add_product(&s, dec("0.000000000000000001"), dec("0.01")));
    assert_sum(s, "9999999999999999990.000000000000000001");
}

static void a_sum_of_products_is_exact(void **state)
{
    struct decimal_sum s = {0};

    (void)state;
    assert_true(
        decimal_sum_add_product(&s, dec("0.00141342"), dec("23.00000000")));
    assert_true(
        decimal_sum_add_product(&s, dec("0.00141266"), dec("54.00000000")));
    assert_sum(s, "0.1087923000000000");
    assert_true(decimal_sum_add_product(&s, dec("-1"), dec("1")));
    assert_sum(s, "-0.8912077000000000");
}

static struct decimal_sum sum_of(const char *text)
{
    struct decimal_sum s = {0};

    assert_true(decimal_sum_add(&s, dec(text)));
    return s;
}

static void division_rounds_half_to_even(void **state)
{
    static const struct {
        const char *num, *den;
        int scale;
        const char *want;
    } all[] = {
        {"1", "3", 4, "0.3333"},
        {"2", "3", 4, "0.6667"},
        {"1", "8", 2, "0.12"},
        {"3", "8", 2, "0.38"},
        {"5", "2", 0, "2"},
        {"7", "2", 0, "4"},
        {"-5", "2", 0, "-2"},
        {"-7", "2", 0, "-4"},
        {"2.5000", "1", 0, "2"},
        {"2.5001", "1", 0, "3"},
        {"2.50", "1.0", 1, "2.5"},
        {"0", "7", 3, "0.000"},
        {"0.25", "1", 1, "0.2"},
        {"0.35", "1", 1, "0.4"},
        {"0.000000000000000001", "1", 0, "0"},
        {"6.5", "0.5", 2, "13.00"},
        {"1", "-4", 2, "-0.25"},
        {"5", "1000000000000000", 0, "0"},
        {"999999999999999999", "1", 0, "999999999999999999"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct decimal d;

        assert_true(decimal_sum_div(sum_of(all[i].num), sum_of(all[i].den),
                                    (uint8_t)all[i].scale, &d));
        assert_text(d, all[i].want);
    }
}

static void division_by_zero_or_out_of_range_is_refused(void **state)
{
    struct decimal d = {42, 7};

    (void)state;
    assert_false(decimal_sum_div(sum_of("1"), sum_of("0"), 2, &d));
    assert_false(
        decimal_sum_div(sum_of("999999999999999999"), sum_of("0.1"), 0, &d));
    assert_false(decimal_sum_div(sum_of("1"), sum_of("1"), 19, &d));
    assert_int_equal(d.mant, 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_prints_as_it_was_written),
        cmocka_unit_test(exponents_are_applied),
        cmocka_unit_test(what_is_no_number_or_too_long_is_refused),
        cmocka_unit_test(comparing_ignores_the_scale),
        cmocka_unit_test(sums_and_differences_are_exact),
        cmocka_unit_test(a_sum_that_does_not_fit_is_refused),
        cmocka_unit_test(the_middle_of_two_prices_is_exact),
        cmocka_unit_test(sums_grow_beyond_a_decimal),
        cmocka_unit_test(a_sum_of_products_is_exact),
        cmocka_unit_test(division_rounds_half_to_even),
        cmocka_unit_test(division_by_zero_or_out_of_range_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

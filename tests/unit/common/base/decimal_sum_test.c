#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/base/decimal_sum.h"

#define MOST "999999999999999999"
#define LEAST "0.000000000000000001"

static struct decimal dec(const char *text)
{
    struct decimal d = {-1, 99};

    if (!decimal_parse(span_str(text), &d))
        fail_msg("'%s' does not parse", text);
    return d;
}

static void assert_sum(struct decimal_sum s, const char *want)
{
    char text[DECIMAL_SUM_TEXT_MAX];
    unsigned len = decimal_sum_format(&s, text);

    assert_string_equal(text, want);
    assert_int_equal(len, strlen(want));
}

static struct decimal_sum sum_of(const char *text)
{
    struct decimal d = dec(text);

    return decimal_sum_of(d.mant, d.scale);
}

static void sums_grow_beyond_a_decimal(void **state)
{
    struct decimal_sum s = {0};

    (void)state;
    for (int i = 0; i < 10; i++)
        decimal_sum_add(&s, dec(MOST));
    assert_sum(s, "9999999999999999990");
    decimal_sum_add(&s, dec(LEAST));
    assert_sum(s, "9999999999999999990.000000000000000001");
    decimal_sum_add_product(&s, dec(LEAST), dec("0.01"));
    assert_sum(s, "9999999999999999990.00000000000000000101");
}

static void a_sum_of_products_is_exact(void **state)
{
    struct decimal_sum s = {0};

    (void)state;
    decimal_sum_add_product(&s, dec("0.00141342"), dec("23.00000000"));
    decimal_sum_add_product(&s, dec("0.00141266"), dec("54.00000000"));
    assert_sum(s, "0.1087923000000000");
    decimal_sum_add_product(&s, dec("-1"), dec("1"));
    assert_sum(s, "-0.8912077000000000");
    assert_true(decimal_sum_is_narrow(&s));
}

static void the_largest_and_the_smallest_product_are_one_sum(void **state)
{
    struct decimal_sum s = {0};

    (void)state;
    decimal_sum_add_product(&s, dec(MOST), dec(MOST));
    decimal_sum_add_product(&s, dec(LEAST), dec(LEAST));
    assert_false(decimal_sum_is_narrow(&s));
    assert_sum(s, "999999999999999998000000000000000001."
                  "000000000000000000000000000000000001");
    /* And back: what is left is the small one. */
    decimal_sum_add_product(&s, dec("-" MOST), dec(MOST));
    assert_true(decimal_sum_is_narrow(&s));
    assert_sum(s, "0.000000000000000000000000000000000001");
    decimal_sum_add_product(&s, dec("-" MOST), dec(MOST));
    assert_sum(s, "-999999999999999998000000000000000000."
                  "999999999999999999999999999999999999");
}

/* Doubling 64 times is 2^64 of them. */
static void the_bound_is_held(void **state)
{
    struct decimal_sum s = {0};
    struct decimal_sum den = sum_of("1"), q;

    (void)state;
    decimal_sum_add_product(&s, dec(MOST), dec(MOST));
    decimal_sum_add_product(&s, dec("-0." MOST), dec("0." MOST));
    for (int i = 0; i < 64; i++) {
        /* A quotient by 1 / 2 is twice of it. */
        den = sum_of("0.5");
        assert_true(decimal_sum_div(&s, &den, 36, &q));
        s = q;
    }
    assert_sum(s, "18446744073709551579106511852580896768000000000000000036."
                  "893488147419103213553255926290448384");
}

static void differences_and_middles_are_exact(void **state)
{
    (void)state;
    assert_sum(decimal_sum_difference(dec("0.1"), dec("-0.2")), "0.3");
    assert_sum(decimal_sum_difference(dec("95001.50"), dec("95000.5")), "1.00");
    assert_sum(decimal_sum_difference(dec("1"), dec("1.5")), "-0.5");
    assert_sum(decimal_sum_difference(dec(MOST), dec(LEAST)),
               "999999999999999998.999999999999999999");
    assert_sum(decimal_sum_difference(dec("-" MOST), dec(MOST)),
               "-1999999999999999998");
    assert_sum(decimal_sum_mid(dec("1.0950"), dec("1.0951")), "1.09505");
    assert_sum(decimal_sum_mid(dec("1.0950"), dec("1.0952")), "1.0951");
    assert_sum(decimal_sum_mid(dec(MOST), dec(LEAST)),
               "499999999999999999.5000000000000000005");
    assert_sum(decimal_sum_mid(dec("-" MOST), dec("-" MOST)), "-" MOST);
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
        {LEAST, "1", 0, "0"},
        {"6.5", "0.5", 2, "13.00"},
        {"1", "-4", 2, "-0.25"},
        {"5", "1000000000000000", 0, "0"},
        {MOST, "1", 0, MOST},
        {MOST, "0.1", 0, "9999999999999999990"},
        {MOST, LEAST, 0, "999999999999999999000000000000000000"},
        {MOST, "7", 20, "142857142857142857.00000000000000000000"},
        {"1", MOST, 36, "0.000000000000000001000000000000000001"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct decimal_sum num = sum_of(all[i].num), den = sum_of(all[i].den);
        struct decimal_sum q;

        assert_true(decimal_sum_div(&num, &den, (uint8_t)all[i].scale, &q));
        assert_sum(q, all[i].want);
    }
}

static void a_wide_quotient_rounds_half_to_even(void **state)
{
    static const struct {
        const char *last, *want;
    } all[] = {
        {"0.5", "999999999999999998000000000000000002"},
        {"1.5", "999999999999999998000000000000000002"},
        {"-0.5", "999999999999999998000000000000000000"},
        {"0.500000000000000001", "999999999999999998000000000000000002"},
        {"0.499999999999999999", "999999999999999998000000000000000001"},
    };
    struct decimal_sum one = sum_of("1"), q;

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct decimal_sum s = {0};

        decimal_sum_add_product(&s, dec(MOST), dec(MOST));
        decimal_sum_add(&s, dec(all[i].last));
        decimal_sum_add_product(&s, dec(LEAST), dec("0." MOST));
        decimal_sum_add_product(&s, dec("-" LEAST), dec("0." MOST));
        assert_true(decimal_sum_div(&s, &one, 0, &q));
        assert_sum(q, all[i].want);
    }
}

static void division_by_zero_or_out_of_range_is_refused(void **state)
{
    struct decimal_sum one = sum_of("1"), zero = sum_of("0.00"), s = {0};
    struct decimal_sum q = sum_of("42"), least = {{1}, 36};

    (void)state;
    assert_false(decimal_sum_div(&one, &zero, 2, &q));
    assert_false(decimal_sum_div(&one, &one, 37, &q));
    decimal_sum_add_product(&s, dec(MOST), dec(MOST));
    assert_false(decimal_sum_div(&s, &least, 36, &q));
    assert_sum(q, "42");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_grow_beyond_a_decimal),
        cmocka_unit_test(a_sum_of_products_is_exact),
        cmocka_unit_test(the_largest_and_the_smallest_product_are_one_sum),
        cmocka_unit_test(the_bound_is_held),
        cmocka_unit_test(differences_and_middles_are_exact),
        cmocka_unit_test(division_rounds_half_to_even),
        cmocka_unit_test(a_wide_quotient_rounds_half_to_even),
        cmocka_unit_test(division_by_zero_or_out_of_range_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "bargen/core/bar.h"

static struct decimal dec(const char *text)
{
    struct decimal d = {0, 0};

    assert_true(decimal_parse(span_str(text), &d));
    return d;
}

static struct bar_input trade(int64_t time_ns, int64_t id, const char *price,
                              const char *size)
{
    struct bar_input in = {.key = {time_ns, id}, .price = dec(price)};

    in.counted = true;
    bar_input_size(&in, dec(size));
    return in;
}

static void assert_price(struct decimal d, const char *want)
{
    char text[DECIMAL_TEXT_MAX];

    decimal_format(d, text);
    assert_string_equal(text, want);
}

static void assert_sum(struct decimal_sum s, const char *want)
{
    char text[DECIMAL_SUM_TEXT_MAX];

    decimal_sum_format(&s, text);
    assert_string_equal(text, want);
}

static struct bar bar_of(const struct bar_input *in, unsigned n)
{
    struct bar b;

    bar_start(&b, 0, 60, 0, &in[0]);
    for (unsigned i = 1; i < n; i++)
        bar_add(&b, &in[i]);
    return b;
}

static void a_single_trade_makes_a_bar(void **state)
{
    struct bar_input in = trade(5, 1, "100.10", "10");
    struct bar b = bar_of(&in, 1);

    (void)state;
    assert_price(b.open, "100.10");
    assert_price(b.high, "100.10");
    assert_price(b.low, "100.10");
    assert_price(b.close, "100.10");
    assert_sum(bar_volume(&b), "10");
    assert_int_equal(b.count, 1);
}

static void prices_keep_the_digits_that_they_came_with(void **state)
{
    struct bar_input in[] = {trade(1, 1, "95000.50", "1"),
                             trade(2, 2, "95001.5", "1"),
                             trade(3, 3, "94999", "1")};
    struct bar b = bar_of(in, 3);

    (void)state;
    assert_price(b.open, "95000.50");
    assert_price(b.high, "95001.5");
    assert_price(b.low, "94999");
    assert_price(b.close, "94999");
}

static void sums_are_exact_where_doubles_are_not(void **state)
{
    struct bar_input in[] = {trade(1, 1, "0.1", "0.1"),
                             trade(2, 2, "0.1", "0.2"),
                             trade(3, 3, "0.1", "0.00000001")};
    struct bar b = bar_of(in, 3);

    (void)state;
    assert_sum(bar_volume(&b), "0.30000001");
    assert_sum(bar_turnover(&b), "0.030000001");
}

static void
ties_in_one_millisecond_are_broken_by_id_not_by_arrival(void **state)
{
    struct bar_input in[] = {trade(7, 12, "3", "1"), trade(7, 10, "1", "1"),
                             trade(7, 13, "4", "1"), trade(7, 11, "2", "1")};
    struct bar b = bar_of(in, 4);

    (void)state;
    assert_price(b.open, "1");
    assert_price(b.close, "4");
}

static void without_ids_ties_are_broken_by_arrival(void **state)
{
    struct bar_input in[] = {trade(7, -1, "3", "1"), trade(7, -1, "1", "1"),
                             trade(7, -1, "2", "1")};
    struct bar b = bar_of(in, 3);

    (void)state;
    assert_price(b.open, "3");
    assert_price(b.close, "2");
}

static void every_order_of_arrival_gives_the_same_bar(void **state)
{
    struct bar_input in[] = {
        trade(1, 1, "10.00", "1.5"), trade(2, 2, "12.00", "0.25"),
        trade(2, 3, "9.00", "2"), trade(3, 4, "11.00", "1"),
        trade(3, 5, "10.50", "3")};
    unsigned order[5] = {0, 1, 2, 3, 4}, c[5] = {0}, i = 0;

    (void)state;
    /* Heap's algorithm over all 120 orders. */
    for (;;) {
        struct bar_input shuffled[5];
        struct bar b;

        for (unsigned k = 0; k < 5; k++)
            shuffled[k] = in[order[k]];
        b = bar_of(shuffled, 5);
        assert_price(b.open, "10.00");
        assert_price(b.high, "12.00");
        assert_price(b.low, "9.00");
        assert_price(b.close, "10.50");
        assert_sum(bar_volume(&b), "7.75");
        assert_int_equal(b.count, 5);
        while (i < 5 && c[i] >= i)
            c[i++] = 0;
        if (i == 5)
            break;
        {
            unsigned a = i % 2 ? c[i] : 0, t = order[a];

            order[a] = order[i];
            order[i] = t;
        }
        c[i]++;
        i = 0;
    }
}

static void a_price_update_of_size_zero_moves_the_price_only(void **state)
{
    struct bar_input in[] = {trade(1, 1, "10", "2"), trade(2, 2, "12", "0")};
    struct bar b;

    (void)state;
    in[1].sized = in[1].counted = false;
    b = bar_of(in, 2);
    assert_price(b.high, "12");
    assert_price(b.close, "12");
    assert_sum(bar_volume(&b), "2");
    assert_int_equal(b.count, 1);
}

static void vwap_has_two_digits_more_and_rounds_half_to_even(void **state)
{
    struct bar_input in[] = {trade(1, 1, "1.00", "1"),
                             trade(2, 2, "2.00", "2")};
    struct bar_input even[] = {trade(1, 1, "1.0001", "1"),
                               trade(2, 2, "1", "1")};
    struct decimal_sum vwap;
    struct bar b = bar_of(in, 2);

    (void)state;
    assert_true(bar_vwap(&b, &vwap));
    assert_sum(vwap, "1.6667");
    b = bar_of(even, 2);
    assert_true(bar_vwap(&b, &vwap)); /* 1.00005 exactly: down to even */
    assert_sum(vwap, "1.00");
}

static void a_bar_without_volume_has_no_vwap(void **state)
{
    struct bar b = bar_flat(0, 60, dec("5.0"));
    struct decimal_sum vwap = decimal_sum_of(7, 0);

    (void)state;
    assert_false(bar_vwap(&b, &vwap));
    assert_sum(vwap, "7");
    assert_price(b.low, "5.0");
    assert_int_equal(b.count, 0);
}

static void the_largest_and_the_smallest_trade_make_one_bar(void **state)
{
    struct bar_input in[] = {
        trade(1, 1, "999999999999999999", "999999999999999999"),
        trade(2, 2, "0.000000000000000001", "0.000000000000000001"),
        trade(3, 3, "1.5", "0.000000000000000002")};
    struct decimal_sum vwap;
    struct bar b = bar_of(in, 2), copy = b;

    (void)state;
    assert_sum(bar_volume(&b), "999999999999999999.000000000000000001");
    assert_sum(bar_turnover(&b), "999999999999999998000000000000000001."
                                 "000000000000000000000000000000000001");
    assert_true(bar_vwap(&b, &vwap));
    assert_sum(vwap, "999999999999999998.99999999999999999900");
    /* A copy is a bar of its own. */
    bar_add(&copy, &in[2]);
    assert_sum(bar_volume(&copy), "999999999999999999.000000000000000003");
    assert_sum(bar_volume(&b), "999999999999999999.000000000000000001");
    assert_int_equal(copy.count, 3);
}

static void sums_outgrow_128_bits_at_equal_scales(void **state)
{
    struct bar_input in =
        trade(1, 1, "999999999999999999", "999999999999999999");
    struct decimal_sum vwap;
    struct bar b = bar_of(&in, 1);

    (void)state;
    for (unsigned i = 1; i < 1000; i++)
        bar_add(&b, &in);
    assert_sum(bar_volume(&b), "999999999999999999000");
    assert_sum(bar_turnover(&b), "999999999999999998000000000000000001000");
    assert_true(bar_vwap(&b, &vwap));
    assert_sum(vwap, "999999999999999999.00");
    assert_int_equal(b.count, 1000);
}

/* Many vwaps have more than 18 digits where prices have 17. */
static void a_vwap_may_have_more_digits_than_a_price(void **state)
{
    struct bar_input in[] = {trade(1, 1, "12345678901234567", "1"),
                             trade(2, 2, "0.123456789012345678", "2")};
    struct decimal_sum vwap;
    struct bar b = bar_of(in, 1);

    (void)state;
    assert_true(bar_vwap(&b, &vwap));
    assert_sum(vwap, "12345678901234567.00");
    b = bar_of(in, 2);
    assert_true(bar_vwap(&b, &vwap));
    assert_sum(vwap, "4115226300411522.41563785934156378533");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_single_trade_makes_a_bar),
        cmocka_unit_test(prices_keep_the_digits_that_they_came_with),
        cmocka_unit_test(sums_are_exact_where_doubles_are_not),
        cmocka_unit_test(
            ties_in_one_millisecond_are_broken_by_id_not_by_arrival),
        cmocka_unit_test(without_ids_ties_are_broken_by_arrival),
        cmocka_unit_test(every_order_of_arrival_gives_the_same_bar),
        cmocka_unit_test(a_price_update_of_size_zero_moves_the_price_only),
        cmocka_unit_test(vwap_has_two_digits_more_and_rounds_half_to_even),
        cmocka_unit_test(a_bar_without_volume_has_no_vwap),
        cmocka_unit_test(the_largest_and_the_smallest_trade_make_one_bar),
        cmocka_unit_test(sums_outgrow_128_bits_at_equal_scales),
        cmocka_unit_test(a_vwap_may_have_more_digits_than_a_price),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "bargen/store/group.h"

/* Lists parted by blanks. */
static void open_group(struct group *g, const char *resolutions,
                       const char *symbols)
{
    struct resolution widths[32];
    const char *names[16];
    char text[512], *at = text;
    unsigned n_widths = 0, n_names = 0;

    while (*resolutions) {
        size_t len = strcspn(resolutions, " ");

        assert_int_equal(
            resolution_parse(span_make(resolutions, len), &widths[n_widths++]),
            RESOLUTION_OK);
        resolutions += len;
        resolutions += *resolutions == ' ';
    }
    snprintf(text, sizeof text, "%s", symbols);
    while (*at) {
        names[n_names++] = at;
        at += strcspn(at, " ");
        if (*at)
            *at++ = '\0';
    }
    group_init(g, widths, n_widths, names, n_names);
}

static void assert_name(const char *resolutions, const char *symbols,
                        const char *want)
{
    struct group g;

    open_group(&g, resolutions, symbols);
    assert_string_equal(g.name, want);
    group_close(&g);
}

static void its_name_is_made_of_resolutions_and_symbols(void **state)
{
    (void)state;
    assert_name("1", "", "1");
    assert_name("60 1 D 5S 5", "", "5S,1,5,60,D");
    assert_name("1", "MSFT AAPL MSFT", "1@AAPL,MSFT");
    assert_name(
        "1",
        "AAAAAAAAAAAAAAAAAAAA BBBBBBBBBBBBBBBBBBBB CCCCCCCCCCCCCCCCCCCC "
        "DDDDDDDDDDDDDDDDDDDD EEEEEEEEEEEEEEEEEEEE",
        "1@5-2a17e7f56d094dc9");
}

static void the_default_has_plain_keys(void **state)
{
    struct bytes base;

    (void)state;
    bytes_init(&base);
    group_base(span_str("1"), &base);
    assert_true(span_is(bytes_span(&base), "bargen:"));
    bytes_clear(&base);
    group_base(span_str("1,5@X"), &base);
    assert_true(span_is(bytes_span(&base), "bargen:1,5@X:"));
    bytes_close(&base);
}

static struct group_clash compare(const char *resolutions, const char *symbols,
                                  const char *theirs, const char *of)
{
    struct group ours, other;
    struct group_clash c;

    open_group(&ours, resolutions, symbols);
    open_group(&other, theirs, of);
    group_rule(&ours, "--grace", "250");
    group_rule(&other, "--grace", "250");
    c = group_compare(&ours, span_str(other.name), bytes_span(&other.options));
    group_close(&ours);
    group_close(&other);
    return c;
}

static void others_stand_against_it_only_with_the_same_bars(void **state)
{
    (void)state;
    assert_int_equal(compare("1 5", "", "5 1", "").relation, GROUP_SAME);
    assert_int_equal(compare("1 5", "", "15", "").relation, GROUP_APART);
    assert_int_equal(compare("1 5", "", "5 15", "").relation, GROUP_OVERLAPS);
    assert_int_equal(compare("1", "A B", "1", "C").relation, GROUP_APART);
    assert_int_equal(compare("1", "A B", "1", "C B").relation, GROUP_OVERLAPS);
    assert_int_equal(compare("1", "A B", "1", "").relation, GROUP_OVERLAPS);
    assert_int_equal(compare("1", "", "1", "A").relation, GROUP_OVERLAPS);
    /* Not so where one name begins another. */
    assert_int_equal(compare("1", "AB", "1", "A").relation, GROUP_APART);
    assert_int_equal(compare("1", "A", "15", "A").relation, GROUP_APART);
}

static void it_knows_who_has_all_of_its_symbols(void **state)
{
    (void)state;
    assert_true(compare("1", "A B", "1 5", "").covers);
    assert_true(compare("1", "A B", "1", "C B A").covers);
    assert_false(compare("1", "A B", "1", "B").covers);
    assert_false(compare("1", "", "1", "B").covers);
}

static void it_says_what_is_another(void **state)
{
    struct group ours, other;
    struct group_clash c = compare("1 5", "", "5 15", "");

    (void)state;
    assert_string_equal(c.option, "--resolutions");
    assert_string_equal(c.ours, "1,5");
    assert_string_equal(c.theirs, "5,15");
    c = compare("1", "A B", "1", "");
    assert_string_equal(c.option, "--symbols");
    assert_string_equal(c.theirs, "*");

    open_group(&ours, "1", "");
    open_group(&other, "1", "");
    group_rule(&ours, "--fill", "0");
    group_rule(&ours, "--grace", "250");
    group_rule(&other, "--fill", "0");
    group_rule(&other, "--grace", "1000");
    c = group_compare(&ours, span_str("1"), bytes_span(&other.options));
    assert_int_equal(c.relation, GROUP_RULES);
    assert_string_equal(c.option, "--grace");
    assert_string_equal(c.ours, "250");
    assert_string_equal(c.theirs, "1000");
    /* Of a version that does not know the rule. */
    c = group_compare(&ours, span_str("1"),
                      span_str("--resolutions=1 --symbols=* --fill=0"));
    assert_int_equal(c.relation, GROUP_RULES);
    assert_string_equal(c.theirs, "");
    /* What is no description at all makes nothing. */
    c = group_compare(&ours, span_str("5"), span_str("rubbish = ="));
    assert_int_equal(c.relation, GROUP_APART);
    group_close(&ours);
    group_close(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_name_is_made_of_resolutions_and_symbols),
        cmocka_unit_test(the_default_has_plain_keys),
        cmocka_unit_test(others_stand_against_it_only_with_the_same_bars),
        cmocka_unit_test(it_knows_who_has_all_of_its_symbols),
        cmocka_unit_test(it_says_what_is_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

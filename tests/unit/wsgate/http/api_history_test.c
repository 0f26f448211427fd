#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
/* after those */
#include <cmocka.h>

#include "wsgate/http/api_history.h"

#define EVENT(bar) "{\"type\":\"bar\",\"symbol\":\"A\",\"bar\":" bar "}"

struct fixture {
    struct history h;
    struct bytes json;
    bool more, truncated;
};

static int setup(void **state)
{
    static struct fixture f;

    f.more = f.truncated = false;
    history_init(&f.h);
    bytes_init(&f.json);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    history_close(&f->h);
    bytes_close(&f->json);
    return 0;
}

static bool add(struct fixture *f, const char *text)
{
    return history_add(&f->h, span_str(text));
}

static void expect(struct fixture *f, int64_t from, int64_t to, size_t limit,
                   const char *bars)
{
    const struct api_range range = {from, to, (int64_t)limit};
    char want[1024];

    snprintf(want, sizeof want,
             "{\"symbol\":\"A\",\"resolution\":\"1\",\"limit\":%zu,"
             "\"truncated\":%s,\"bars\":[%s]}",
             limit, f->truncated ? "true" : "false", bars);
    history_render(&f->h, "A", "1", &range, f->more, &f->json);
    bytes_add(&f->json, "", 1);
    assert_string_equal(f->json.ptr, want);
}

static void bars_come_out_oldest_first_and_byte_for_byte(void **state)
{
    struct fixture *f = *state;

    assert_true(
        add(f, EVENT("{\"time\":120000,\"open\": 1.50, \"x\":[1 , 2]}")));
    assert_true(add(f, EVENT("{\"time\":60000,\"open\":0.10}")));
    expect(f, INT64_MIN, INT64_MAX, 10,
           "{\"time\":60000,\"open\":0.10},"
           "{\"time\":120000,\"open\": 1.50, \"x\":[1 , 2]}");
}

static void a_bar_object_alone_is_a_bar_too(void **state)
{
    struct fixture *f = *state;

    assert_true(add(f, " {\"time\":60000,\"close\":2} "));
    expect(f, INT64_MIN, INT64_MAX, 10, "{\"time\":60000,\"close\":2}");
}

static void of_two_versions_the_higher_rev_counts(void **state)
{
    struct fixture *f = *state;

    add(f, EVENT("{\"time\":1,\"rev\":1,\"final\":true}"));
    add(f, EVENT("{\"time\":1,\"rev\":2,\"final\":true}"));
    add(f, EVENT("{\"time\":1,\"rev\":0,\"final\":true}"));
    expect(f, INT64_MIN, INT64_MAX, 10,
           "{\"time\":1,\"rev\":2,\"final\":true}");
}

static void a_final_bar_counts_more_than_its_open_version(void **state)
{
    struct fixture *f = *state;

    add(f, EVENT("{\"time\":1,\"rev\":0,\"final\":false}"));
    add(f, EVENT("{\"time\":1,\"rev\":0,\"final\":true}"));
    expect(f, INT64_MIN, INT64_MAX, 10,
           "{\"time\":1,\"rev\":0,\"final\":true}");
}

static void the_limit_keeps_the_newest(void **state)
{
    struct fixture *f = *state;

    add(f, "{\"time\":1}");
    add(f, "{\"time\":3}");
    add(f, "{\"time\":2}");
    f->truncated = true;
    expect(f, INT64_MIN, INT64_MAX, 2, "{\"time\":2},{\"time\":3}");
}

/* A bar that is not in the range was not left out, nor an older version. */
static void what_was_not_asked_for_was_not_left_out(void **state)
{
    struct fixture *f = *state;

    add(f, "{\"time\":1}");
    add(f, "{\"time\":2}");
    add(f, "{\"time\":3}");
    add(f, "{\"time\":3}");
    expect(f, 2, INT64_MAX, 2, "{\"time\":2},{\"time\":3}");
}

static void what_was_left_out_before_is_said_too(void **state)
{
    struct fixture *f = *state;

    add(f, "{\"time\":1}");
    f->more = f->truncated = true;
    expect(f, INT64_MIN, INT64_MAX, 2, "{\"time\":1}");
}

static void both_ends_of_the_range_belong_to_it(void **state)
{
    struct fixture *f = *state;

    add(f, "{\"time\":1}");
    add(f, "{\"time\":2}");
    add(f, "{\"time\":3}");
    add(f, "{\"time\":4}");
    expect(f, 2, 3, 10, "{\"time\":2},{\"time\":3}");
}

static void nothing_stored_is_an_empty_list(void **state)
{
    expect(*state, INT64_MIN, INT64_MAX, 10, "");
}

static void what_is_no_bar_is_left_out(void **state)
{
    struct fixture *f = *state;

    assert_false(add(f, ""));
    assert_false(add(f, "{\"time\":1"));
    assert_false(add(f, "[1]"));
    assert_false(add(f, "7"));
    assert_false(add(f, "{\"open\":1}"));
    assert_false(add(f, "{\"time\":\"1\"}"));
    assert_false(add(f, EVENT("{\"time\":1.5}")));
    assert_false(add(f, "{\"time\":1}{\"time\":2}"));
    assert_false(add(f, "{\"time\":1,\"x\":\"\xff\"}"));
    expect(f, INT64_MIN, INT64_MAX, 10, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bars_come_out_oldest_first_and_byte_for_byte),
        TEST(a_bar_object_alone_is_a_bar_too),
        TEST(of_two_versions_the_higher_rev_counts),
        TEST(a_final_bar_counts_more_than_its_open_version),
        TEST(the_limit_keeps_the_newest),
        TEST(what_was_not_asked_for_was_not_left_out),
        TEST(what_was_left_out_before_is_said_too),
        TEST(both_ends_of_the_range_belong_to_it),
        TEST(nothing_stored_is_an_empty_list),
        TEST(what_is_no_bar_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

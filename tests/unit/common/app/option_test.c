#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/app/option.h"
#include "common/http/http_network.h"

struct options {
    bool fast, no_redis;
    const char *name;
    int64_t count, wait_ms, size;
    double rate;
    int mode;
    struct option_strs tags;
    struct http_networks from;
};

#define AT(field) offsetof(struct options, field)
static const struct option_spec table[] = {
    {.letter = 'f',
     .name = "fast",
     .kind = OPT_FLAG,
     .offset = AT(fast),
     .env = "T_FAST",
     .help = "be fast"},
    {.letter = 'n',
     .name = "name",
     .metavar = "TEXT",
     .kind = OPT_STR,
     .offset = AT(name),
     .env = "T_NAME",
     .help = "a name"},
    {.name = "count",
     .metavar = "N",
     .kind = OPT_INT,
     .offset = AT(count),
     .help = "how many",
     .min = 1,
     .max = 16},
    {.name = "wait",
     .metavar = "TIME",
     .kind = OPT_DURATION_MS,
     .offset = AT(wait_ms),
     .env = "T_WAIT",
     .help = "how long",
     .min = 10,
     .max = 60000},
    {.name = "size",
     .metavar = "SIZE",
     .kind = OPT_SIZE,
     .offset = AT(size),
     .help = "how big"},
    {.name = "rate",
     .metavar = "R",
     .kind = OPT_RATE,
     .offset = AT(rate),
     .help = "per second"},
    {.name = "mode",
     .metavar = "MODE",
     .kind = OPT_CHOICE,
     .offset = AT(mode),
     .help = "how",
     .choices = "block|drop-oldest|drop"},
    {.name = "tag",
     .metavar = "TAG",
     .kind = OPT_STRS,
     .offset = AT(tags),
     .env = "T_TAGS",
     .help = "labels"},
    {.name = "from",
     .metavar = "ADDR/N",
     .kind = OPT_NETWORKS,
     .offset = AT(from),
     .env = "T_FROM",
     .help = "networks"},
    {.name = NULL},
};
static const struct option_spec common[] = {
    {.name = "no-redis",
     .kind = OPT_FLAG,
     .offset = AT(no_redis),
     .help = "without Redis"},
    {.name = NULL},
};
#undef AT
static const struct cli cli = {.tool = "t",
                               .synopsis = "",
                               .summary = "",
                               .table = table,
                               .common = common};

static struct options opts;
static struct err err;

/* Words up to NULL. */
static bool parse(const char *first, ...)
{
    char *argv[40] = {(char *)(uintptr_t) "t"};
    int argc = 1;
    va_list ap;

    memset(&opts, 0, sizeof opts);
    memset(&err, 0, sizeof err);
    va_start(ap, first);
    for (const char *w = first; w && argc < 40; w = va_arg(ap, const char *))
        argv[argc++] = (char *)(uintptr_t)w;
    va_end(ap);
    return option_env(&cli, &opts, &err) &&
           option_argv(&cli, argc, argv, &opts, &err);
}

static void refused(const char *why)
{
    assert_int_equal(err.code, ERR_USAGE);
    assert_string_equal(err.text, why);
}

static void values_come_attached_or_as_the_next_word(void **state)
{
    (void)state;
    assert_true(parse("--name", "a", "--count=3", "-f", NULL));
    assert_string_equal(opts.name, "a");
    assert_int_equal(opts.count, 3);
    assert_true(opts.fast);
    assert_true(parse("-n", "b", "--name=", NULL));
    assert_string_equal(opts.name, "");
    assert_true(parse("--name", "--count", NULL)); /* a value, like any */
    assert_string_equal(opts.name, "--count");
}

static void flags_can_be_taken_back(void **state)
{
    (void)state;
    assert_true(parse("--fast", "--no-fast", NULL));
    assert_false(opts.fast);
    assert_true(parse("--fast=off", NULL));
    assert_false(opts.fast);
    assert_true(parse("--no-redis", NULL));
    assert_true(opts.no_redis);
    assert_false(parse("--no-name", NULL));
    assert_false(parse("--fast=maybe", NULL));
    refused("--fast: 'maybe' is neither true nor false");
}

static void every_kind_says_what_it_would_have_taken(void **state)
{
    (void)state;
    assert_false(parse("--count", "x", NULL));
    refused("--count: 'x' is not a whole number");
    assert_false(parse("--count", "17", NULL));
    refused("--count: 17 is not within 1 to 16");
    assert_false(parse("--count", "99999999999999999999", NULL));
    assert_false(parse("--count", "", NULL));
    assert_false(parse("--wait", "5", NULL));
    refused("--wait: '5' is not a duration (try 250ms, 5s, 2m, 1h, 1d)");
    assert_false(parse("--wait", "5ms", NULL));
    refused("--wait: 5ms is not within 10 to 60000 ms");
    assert_false(parse("--size", "1XB", NULL));
    refused("--size: '1XB' is not a size (try 4096, 64KiB, 1MiB)");
    assert_false(parse("--rate", "0", NULL));
    refused("--rate: '0' is not a number above 0");
    assert_false(parse("--rate", "nan", NULL));
    assert_false(parse("--rate", "1e999", NULL));
    assert_false(parse("--mode", "dro", NULL));
    refused("--mode: 'dro' is not one of block|drop-oldest|drop");
    assert_false(parse("--name", NULL));
    refused("--name: needs a value (TEXT)");
    assert_false(parse("stray", NULL));
    refused("'stray': only options are understood");
    assert_false(parse("-", NULL));
}

static void good_values_of_every_kind_arrive(void **state)
{
    (void)state;
    assert_true(parse("--wait", "2s", "--size", "64KiB", "--rate", "2.5",
                      "--mode", "drop-oldest", NULL));
    assert_int_equal(opts.wait_ms, 2000);
    assert_int_equal(opts.size, 65536);
    assert_true(opts.rate > 2.49 && opts.rate < 2.51);
    assert_int_equal(opts.mode, 1);
}

static void an_unknown_name_suggests_a_close_one(void **state)
{
    (void)state;
    assert_false(parse("--cuont", NULL));
    refused("--cuont: no such option (did you mean --count?)");
    assert_false(parse("--no-redsi", NULL));
    refused("--no-redsi: no such option (did you mean --no-redis?)");
    assert_false(parse("--something-else", NULL));
    refused("--something-else: no such option");
    assert_false(parse("--x", NULL));
    refused("--x: no such option");
    assert_false(parse("-q", NULL));
    refused("-q: no such option");
    assert_false(parse("--cuont=5", NULL));
    refused("--cuont: no such option (did you mean --count?)");
}

static void a_flag_is_above_the_environment(void **state)
{
    (void)state;
    setenv("T_NAME", "env", 1);
    setenv("T_FAST", "yes", 1);
    assert_true(parse(NULL, NULL));
    assert_string_equal(opts.name, "env");
    assert_true(opts.fast);
    assert_true(parse("--name=argv", "--no-fast", NULL));
    assert_string_equal(opts.name, "argv");
    assert_false(opts.fast);
    setenv("T_NAME", "", 1); /* empty counts as unset */
    assert_true(parse(NULL, NULL));
    assert_null(opts.name);
    unsetenv("T_NAME");
    unsetenv("T_FAST");
}

static void a_bad_variable_is_named(void **state)
{
    (void)state;
    setenv("T_WAIT", "soon", 1);
    assert_false(parse(NULL, NULL));
    refused("T_WAIT: 'soon' is not a duration (try 250ms, 5s, 2m, 1h, 1d)");
    unsetenv("T_WAIT");
    setenv("T_FAST", "perhaps", 1);
    assert_false(parse(NULL, NULL));
    refused("T_FAST: 'perhaps' is neither true nor false");
    unsetenv("T_FAST");
}

static void lists_collect_and_replace_those_of_the_environment(void **state)
{
    (void)state;
    assert_true(parse("--tag", "a", "--tag=b", NULL));
    assert_int_equal(opts.tags.count, 2);
    assert_string_equal(opts.tags.at[1], "b");
    setenv("T_TAGS", "x,,y", 1);
    assert_true(parse(NULL, NULL));
    assert_int_equal(opts.tags.count, 2);
    assert_string_equal(opts.tags.at[1], "y");
    assert_true(parse("--tag", "a", NULL));
    assert_int_equal(opts.tags.count, 1);
    unsetenv("T_TAGS");
}

static void a_value_may_be_left_out_where_it_is_optional(void **state)
{
    unsigned all;

    (void)state;
    assert_true(parse("--from", "--fast", NULL));
    all = opts.from.count;
    assert_true(opts.fast && all > 1);
    assert_false(parse("--from", "10.0.0.0/8", NULL)); /* not the next word */
    refused("'10.0.0.0/8': only options are understood");
    assert_true(parse("--from=192.0.2.1", "--from=2001:db8::/32", NULL));
    assert_int_equal(opts.from.count, 2);
    assert_true(parse("--from=192.0.2.1", "--from", NULL));
    assert_int_equal(opts.from.count, all + 1);
    assert_true(parse("--from=192.0.2.1", "--no-from", NULL));
    assert_int_equal(opts.from.count, 0);
    assert_false(parse("--from=192.0.2.1/40", NULL));
    refused("--from: '192.0.2.1/40' is not a network (try 10.0.0.0/8, "
            "192.0.2.7 or 2001:db8::/32)");
    assert_false(parse("--from=", NULL));
    setenv("T_FROM", "yes", 1);
    assert_true(parse(NULL, NULL));
    assert_int_equal(opts.from.count, all);
    setenv("T_FROM", "192.0.2.1, 192.0.2.2", 1);
    assert_true(parse(NULL, NULL));
    assert_int_equal(opts.from.count, 2);
    assert_true(parse("--from=192.0.2.3", NULL)); /* in its place */
    assert_int_equal(opts.from.count, 1);
    setenv("T_FROM", "0", 1);
    assert_true(parse(NULL, NULL));
    assert_int_equal(opts.from.count, 0);
    setenv("T_FROM", "proxy", 1);
    assert_false(parse(NULL, NULL));
    refused("T_FROM: 'proxy' is not a network (try 10.0.0.0/8, 192.0.2.7 or "
            "2001:db8::/32)");
    unsetenv("T_FROM");
}

static void a_list_has_a_bound(void **state)
{
    char *argv[2 * OPTION_STRS_MAX + 4] = {(char *)(uintptr_t) "t"};
    int argc = 1;

    (void)state;
    memset(&opts, 0, sizeof opts);
    memset(&err, 0, sizeof err);
    for (int i = 0; i <= OPTION_STRS_MAX; i++) {
        argv[argc++] = (char *)(uintptr_t) "--tag";
        argv[argc++] = (char *)(uintptr_t) "x";
    }
    assert_false(option_argv(&cli, argc, argv, &opts, &err));
    refused("--tag: more than 32 values");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_attached_or_as_the_next_word),
        cmocka_unit_test(flags_can_be_taken_back),
        cmocka_unit_test(every_kind_says_what_it_would_have_taken),
        cmocka_unit_test(good_values_of_every_kind_arrive),
        cmocka_unit_test(an_unknown_name_suggests_a_close_one),
        cmocka_unit_test(a_flag_is_above_the_environment),
        cmocka_unit_test(a_bad_variable_is_named),
        cmocka_unit_test(lists_collect_and_replace_those_of_the_environment),
        cmocka_unit_test(a_value_may_be_left_out_where_it_is_optional),
        cmocka_unit_test(a_list_has_a_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/base/metrics.h"

static uint64_t answer(void *arg)
{
    return *(const uint64_t *)arg;
}

static void metrics_of_one_name_stand_together(void **state)
{
    static uint64_t forty_two = 42;
    static struct metric a = {.name = "t_drops_total",
                              .labels = "why=\"slow\"",
                              .help = "Drops",
                              .value = 3};
    static struct metric other = {.name = "t_open",
                                  .help = "Open",
                                  .kind = METRIC_GAUGE,
                                  .read = answer,
                                  .arg = &forty_two};
    static struct metric b = {.name = "t_drops_total",
                              .labels = "why=\"full\"",
                              .help = "Drops",
                              .value = 4};
    struct bytes out;

    (void)state;
    bytes_init(&out);
    metrics_add(&a);
    metrics_add(&other);
    metrics_add(&b);
    metrics_add(&a); /* once is enough */
    metrics_render(&out);
    bytes_add(&out, "", 1);
    assert_string_equal(out.ptr, "# HELP t_drops_total Drops\n"
                                 "# TYPE t_drops_total counter\n"
                                 "t_drops_total{why=\"slow\"} 3\n"
                                 "t_drops_total{why=\"full\"} 4\n"
                                 "# HELP t_open Open\n"
                                 "# TYPE t_open gauge\n"
                                 "t_open 42\n");
    bytes_close(&out);
}

static uint64_t walk(void *arg)
{
    static uint64_t of;
    unsigned *walks = arg;

    if (of != metrics_rendering()) {
        of = metrics_rendering();
        ++*walks;
    }
    return *walks;
}

/* Each of the gateway's walked over all groups by itself. */
static void what_several_need_is_worked_out_once_a_rendering(void **state)
{
    static unsigned walks;
    static struct metric a = {METRIC(GAUGE, "t_a", NULL, "A"), .read = walk,
                              .arg = &walks};
    static struct metric b = {METRIC(GAUGE, "t_b", NULL, "B"), .read = walk,
                              .arg = &walks};
    struct bytes out;

    (void)state;
    bytes_init(&out);
    metrics_add(&a);
    metrics_add(&b);
    for (unsigned i = 1; i < 4; i++) {
        metrics_render(&out);
        assert_int_equal(walks, i);
    }
    bytes_close(&out);
}

static void histograms_are_cumulative_and_scaled(void **state)
{
    static const uint64_t bounds[] = {1000, 10000};
    static uint64_t counts[3];
    static struct metric h = {.name = "t_wait_seconds",
                              .help = "Waits",
                              .kind = METRIC_HISTOGRAM,
                              .bounds = bounds,
                              .n_bounds = 2,
                              .counts = counts,
                              .scale = 1e-6};
    struct bytes out;

    (void)state;
    bytes_init(&out);
    metrics_add(&h);
    metrics_observe(&h, 1000); /* a bound belongs to its bucket */
    metrics_observe(&h, 1001);
    metrics_observe(&h, 5000000);
    metrics_render(&out);
    bytes_add(&out, "", 1);
    assert_non_null(strstr(out.ptr, "# TYPE t_wait_seconds histogram\n"
                                    "t_wait_seconds_bucket{le=\"0.001\"} 1\n"
                                    "t_wait_seconds_bucket{le=\"0.01\"} 2\n"
                                    "t_wait_seconds_bucket{le=\"+Inf\"} 3\n"
                                    "t_wait_seconds_sum 5.002001\n"
                                    "t_wait_seconds_count 3\n"));
    bytes_close(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_of_one_name_stand_together),
        cmocka_unit_test(what_several_need_is_worked_out_once_a_rendering),
        cmocka_unit_test(histograms_are_cumulative_and_scaled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

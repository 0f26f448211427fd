/*
 * A seeded model of the gateway: clients that come, ask, stall and go, feeds
 * that start again, links that are lost alone or together, a Redis that comes
 * back with older data or refuses.  The gateway is the real one; Redis and the
 * clocks are in memory.
 *
 *   model_test                          what `make test` runs
 *   model_test --seeds N --steps M      more of it
 *   model_test --seed N --steps M --trace   one run again, every event shown
 *   model_test ... --skip older,known   without these checks
 */
#include "tests/unit/wsgate/model/model_step.h"

enum { CHECK_EVERY = 400, CI_SEEDS = 25, CI_STEPS = 4000 };

/* Checks that the gateway does not pass yet. */
static const unsigned not_yet = 0;

/* --- a run --- */

/* False: it failed, and how has been said. */
static bool run(uint64_t seed, uint64_t steps)
{
    bool denied = false;

    world_open(seed);
    while (model.step < steps && !model.failed[0]) {
        model.step++;
        denied |= step();
        if (model.step % CHECK_EVERY == 0 || model.step == steps) {
            world_check(denied);
            denied = redis.n_denied > 0;
        }
    }
    world_close();
    return !model.failed[0];
}

static void clients_hear_what_is_newer_than_what_they_had(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= CI_SEEDS; seed++) {
        if (!run(seed, CI_STEPS))
            fail_msg("%s", model.failed);
    }
}

static unsigned read_checks(const char *text)
{
    unsigned checks = 0;

    for (unsigned i = 0; i < CHECKS; i++)
        checks |= strstr(text, check_names[i]) ? 1u << i : 0;
    return checks;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_hear_what_is_newer_than_what_they_had)};
    uint64_t from = 1, seeds = 1, steps = CI_STEPS, failed = 0;

    model.skipped = not_yet;
    if (argc == 1)
        return cmocka_run_group_tests(tests, NULL, NULL);
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--trace") == 0) {
            model.verbose = true;
            continue;
        }
        if (strcmp(argv[i], "--seed") == 0)
            from = strtoull(value, NULL, 10);
        else if (strcmp(argv[i], "--seeds") == 0)
            seeds = strtoull(value, NULL, 10);
        else if (strcmp(argv[i], "--steps") == 0)
            steps = strtoull(value, NULL, 10);
        else if (strcmp(argv[i], "--skip") == 0)
            model.skipped = read_checks(value);
        else
            return 64;
        i++;
    }
    for (uint64_t seed = from; seed < from + seeds; seed++)
        failed += !run(seed, steps);
    printf("%" PRIu64 " of %" PRIu64 " runs failed\n", failed, seeds);
    return failed > 0;
}

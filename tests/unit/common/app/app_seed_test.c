#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/app/app.h"
#include "common/base/hash.h"

/* Stands in for the kernel's. */
static unsigned char entropy;
static int failures[2]; /* errno of the next calls; 0: none */

ssize_t getrandom(void *random, size_t size, unsigned flags);

ssize_t getrandom(void *random, size_t size, unsigned flags)
{
    int failure = failures[0];

    (void)flags;
    failures[0] = failures[1];
    failures[1] = 0;
    if (failure != 0) {
        errno = failure;
        return -1;
    }
    memset(random, entropy, size);
    return (ssize_t)size;
}

static void on_stop(void *arg)
{
    (void)arg;
}

static bool start(struct err *err)
{
    static const struct cli cli = {.tool = "toy"};
    struct app_options opts = APP_OPTIONS_DEFAULT;
    struct err none = {0};
    struct app app;
    bool ok;

    alarm(20); /* one that tries for ever fails */
    ok = app_init(&app, &cli, &opts, on_stop, NULL, err);
    assert_int_equal(app_exit(&app, &none), 0);
    return ok;
}

static uint64_t hash_after_start(unsigned char drawn)
{
    struct err err = {0};

    entropy = drawn;
    assert_true(start(&err));
    return hash_text(span_str("market_data:AAPL"));
}

static void every_start_draws_the_secret_of_names_anew(void **state)
{
    uint64_t before = hash_text(span_str("market_data:AAPL"));
    uint64_t one = hash_after_start(0x5a), two = hash_after_start(0x5b);

    (void)state;
    assert_true(one != before);
    assert_true(one != two);
    assert_true(hash_after_start(0x5a) == one);
}

static void a_draw_that_was_interrupted_begins_again(void **state)
{
    struct err err = {0};

    (void)state;
    failures[0] = failures[1] = EINTR;
    assert_true(start(&err));
}

static void without_random_numbers_nothing_starts(void **state)
{
    struct hash_secret before = hash_secret;

    (void)state;
    for (int i = 0; i < 2; i++) {
        static const int first[2] = {ENOSYS, EINTR}, then[2] = {0, EPERM};
        struct err err = {0};

        failures[0] = first[i];
        failures[1] = then[i];
        assert_false(start(&err));
        assert_int_equal(err.code, ERR_SYSTEM);
        assert_non_null(strstr(err.text, "random numbers"));
        assert_non_null(strstr(err.text, strerror(i == 0 ? ENOSYS : EPERM)));
    }
    assert_memory_equal(&before, &hash_secret, sizeof before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_start_draws_the_secret_of_names_anew),
        cmocka_unit_test(a_draw_that_was_interrupted_begins_again),
        cmocka_unit_test(without_random_numbers_nothing_starts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

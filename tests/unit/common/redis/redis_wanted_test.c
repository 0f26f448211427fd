#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "common/redis/redis_wanted.h"
#include "tests/unit/common/base/collisions.h"

/* The commands of one diff as words: "SUBSCRIBE a b;". */
static void diff(struct redis_wanted *w, char *text, size_t size)
{
    struct bytes out, words;
    size_t at = 0;

    bytes_init(&out);
    bytes_init(&words);
    redis_wanted_diff(w, &out);
    while (at < out.len) {
        if (out.ptr[at] == '*' && words.len > 0)
            bytes_add_str(&words, ";");
        if (out.ptr[at] == '$') {
            size_t len = 0;

            for (at++; out.ptr[at] != '\r'; at++)
                len = len * 10 + (size_t)(out.ptr[at] - '0');
            if (words.len > 0 && words.ptr[words.len - 1] != ';')
                bytes_add_str(&words, " ");
            bytes_add(&words, out.ptr + at + 2, len);
            at += len + 4;
        } else {
            while (out.ptr[at++] != '\n') {
            }
        }
    }
    snprintf(text, size, "%.*s", (int)words.len, words.len ? words.ptr : "");
    bytes_close(&out);
    bytes_close(&words);
}

static void expect_diff(struct redis_wanted *w, const char *want)
{
    char text[4096];

    diff(w, text, sizeof text);
    assert_string_equal(text, want);
}

static bool want(struct redis_wanted *w, const char *name)
{
    return redis_wanted_add(w, span_str(name), false);
}

static bool unwant(struct redis_wanted *w, const char *name)
{
    return redis_wanted_remove(w, span_str(name), false);
}

static enum redis_answer yes(struct redis_wanted *w, const char *name)
{
    return redis_wanted_answer(w, true, span_str(name), false);
}

static enum redis_answer gone(struct redis_wanted *w, const char *name)
{
    return redis_wanted_answer(w, false, span_str(name), false);
}

static bool confirmed(struct redis_wanted *w, const char *name)
{
    return redis_wanted_confirmed(w, span_str(name), false);
}

/* Names that are remembered. */
static size_t known(const struct redis_wanted *w)
{
    return w->names[0].count + w->names[1].count;
}

static int setup(void **state)
{
    static struct redis_wanted w;

    redis_wanted_init(&w);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    redis_wanted_close(*state);
    return 0;
}

static void names_of_one_turn_share_a_command(void **state)
{
    struct redis_wanted *w = *state;

    assert_true(want(w, "a"));
    assert_true(want(w, "b"));
    assert_false(want(w, "a"));
    redis_wanted_add(w, span_str("c*"), true);
    expect_diff(w, "SUBSCRIBE a b;PSUBSCRIBE c*");
    expect_diff(w, "");
    assert_false(redis_wanted_settled(w));
    assert_int_equal(yes(w, "a"), REDIS_ANSWER_SUBSCRIBED);
    assert_int_equal(yes(w, "b"), REDIS_ANSWER_SUBSCRIBED);
    assert_int_equal(redis_wanted_answer(w, true, span_str("c*"), true),
                     REDIS_ANSWER_SUBSCRIBED);
    assert_true(redis_wanted_settled(w));
    assert_int_equal(w->wanted, 3);
}

static void a_channel_and_a_pattern_of_one_name_are_two(void **state)
{
    struct redis_wanted *w = *state;

    want(w, "a*");
    redis_wanted_add(w, span_str("a*"), true);
    expect_diff(w, "SUBSCRIBE a*;PSUBSCRIBE a*");
    assert_int_equal(yes(w, "a*"), REDIS_ANSWER_SUBSCRIBED);
    assert_false(redis_wanted_confirmed(w, span_str("a*"), true));
}

static void wanting_and_not_wanting_in_one_turn_sends_nothing(void **state)
{
    struct redis_wanted *w = *state;

    want(w, "a");
    unwant(w, "a");
    expect_diff(w, "");
    assert_int_equal(known(w), 0);
    want(w, "a");
    expect_diff(w, "SUBSCRIBE a");
    yes(w, "a");
    unwant(w, "a");
    want(w, "a");
    expect_diff(w, "");
    assert_true(confirmed(w, "a"));
}

static void an_old_answer_does_not_confirm_a_newer_request(void **state)
{
    struct redis_wanted *w = *state;

    want(w, "a");
    expect_diff(w, "SUBSCRIBE a");
    unwant(w, "a");
    expect_diff(w, "UNSUBSCRIBE a");
    want(w, "a");
    expect_diff(w, "SUBSCRIBE a");
    assert_int_equal(yes(w, "a"), REDIS_ANSWER_OLD);
    assert_false(confirmed(w, "a"));
    assert_int_equal(gone(w, "a"), REDIS_ANSWER_OLD);
    assert_false(confirmed(w, "a"));
    assert_int_equal(yes(w, "a"), REDIS_ANSWER_SUBSCRIBED);
    assert_true(confirmed(w, "a"));
}

static void a_name_given_up_is_forgotten_once_redis_says_so(void **state)
{
    struct redis_wanted *w = *state;

    want(w, "a");
    expect_diff(w, "SUBSCRIBE a");
    unwant(w, "a");
    expect_diff(w, "UNSUBSCRIBE a");
    assert_int_equal(yes(w, "a"), REDIS_ANSWER_OLD);
    assert_int_equal(known(w), 1);
    assert_int_equal(gone(w, "a"), REDIS_ANSWER_UNSUBSCRIBED);
    assert_int_equal(known(w), 0);
    assert_true(redis_wanted_settled(w));
}

static void answers_nobody_waits_for_are_bad(void **state)
{
    struct redis_wanted *w = *state;

    assert_int_equal(yes(w, "a"), REDIS_ANSWER_BAD);
    want(w, "a");
    want(w, "b");
    expect_diff(w, "SUBSCRIBE a b");
    assert_int_equal(yes(w, "b"), REDIS_ANSWER_BAD);
    assert_int_equal(gone(w, "a"), REDIS_ANSWER_BAD);
    assert_int_equal(redis_wanted_answer(w, true, span_str("a"), true),
                     REDIS_ANSWER_BAD);
    assert_int_equal(yes(w, "a"), REDIS_ANSWER_SUBSCRIBED);
}

static void many_names_go_out_in_batches(void **state)
{
    struct redis_wanted *w = *state;
    struct bytes out;
    char name[24];
    unsigned commands = 0;

    bytes_init(&out);
    for (int i = 0; i < 1300; i++) {
        snprintf(name, sizeof name, "n%d", i);
        want(w, name);
    }
    redis_wanted_diff(w, &out);
    for (size_t i = 0; i < out.len; i++)
        commands += out.ptr[i] == '*';
    assert_int_equal(commands, 3);
    assert_memory_equal(out.ptr, "*513\r\n", 6);
    for (int i = 0; i < 1300; i++) {
        snprintf(name, sizeof name, "n%d", i);
        assert_int_equal(yes(w, name), REDIS_ANSWER_SUBSCRIBED);
    }
    bytes_close(&out);
}

static void after_a_loss_everything_wanted_is_asked_again(void **state)
{
    struct redis_wanted *w = *state;

    want(w, "a");
    expect_diff(w, "SUBSCRIBE a");
    yes(w, "a");
    want(w, "b");
    unwant(w, "a");
    redis_wanted_reset(w);
    assert_int_equal(known(w), 1);
    assert_false(redis_wanted_settled(w));
    expect_diff(w, "SUBSCRIBE b");
    assert_int_equal(yes(w, "a"), REDIS_ANSWER_BAD);
    assert_int_equal(yes(w, "b"), REDIS_ANSWER_SUBSCRIBED);
}

static void pings_keep_their_place_among_the_requests(void **state)
{
    struct redis_wanted *w = *state;

    redis_wanted_ping(w);
    want(w, "a");
    expect_diff(w, "SUBSCRIBE a");
    assert_int_equal(yes(w, "a"), REDIS_ANSWER_BAD);
    assert_true(redis_wanted_pong(w));
    assert_false(redis_wanted_pong(w));
    assert_int_equal(yes(w, "a"), REDIS_ANSWER_SUBSCRIBED);
    redis_wanted_ping(w);
    assert_true(redis_wanted_settled(w));
}

static void note_refused(void *arg, const struct redis_refusal *r)
{
    bytes_add_span(arg, r->name);
    bytes_add_str(arg, r->changed ? " " : "! ");
}

static void one_forbidden_name_does_not_keep_the_others_out(void **state)
{
    struct redis_wanted *w = *state;
    struct bytes refused;

    bytes_init(&refused);
    want(w, "a");
    want(w, "no");
    want(w, "b");
    expect_diff(w, "SUBSCRIBE a no b");
    assert_true(
        redis_wanted_rejected(w, span_str("NOPERM"), note_refused, &refused));
    assert_int_equal(refused.len, 0);
    expect_diff(w, "SUBSCRIBE a;SUBSCRIBE no;SUBSCRIBE b");
    assert_int_equal(yes(w, "a"), REDIS_ANSWER_SUBSCRIBED);
    assert_true(
        redis_wanted_rejected(w, span_str("NOPERM"), note_refused, &refused));
    assert_int_equal(yes(w, "b"), REDIS_ANSWER_SUBSCRIBED);
    assert_true(span_is(bytes_span(&refused), "no "));
    assert_true(redis_wanted_settled(w));
    assert_false(confirmed(w, "no"));
    assert_int_equal(w->refused, 1);
    expect_diff(w, "");
    redis_wanted_retry(w);
    expect_diff(w, "SUBSCRIBE no");
    assert_int_equal(yes(w, "no"), REDIS_ANSWER_GRANTED);
    assert_int_equal(w->refused, 0);
    bytes_close(&refused);
}

static void a_name_stays_until_the_last_who_wanted_it_gives_it_up(void **state)
{
    struct redis_wanted *w = *state;

    assert_true(want(w, "a"));
    assert_false(want(w, "a"));
    expect_diff(w, "SUBSCRIBE a");
    yes(w, "a");
    assert_false(unwant(w, "a"));
    expect_diff(w, "");
    assert_true(confirmed(w, "a"));
    redis_wanted_reset(w);
    expect_diff(w, "SUBSCRIBE a");
    yes(w, "a");
    assert_true(unwant(w, "a"));
    expect_diff(w, "UNSUBSCRIBE a");
    assert_int_equal(w->wanted, 0);
    assert_false(unwant(w, "a"));
    expect_diff(w, "");
}

static void a_refused_name_that_nobody_wants_is_forgotten(void **state)
{
    struct redis_wanted *w = *state;
    struct bytes refused;

    bytes_init(&refused);
    want(w, "no");
    expect_diff(w, "SUBSCRIBE no");
    unwant(w, "no");
    assert_true(
        redis_wanted_rejected(w, span_str("NOPERM"), note_refused, &refused));
    expect_diff(w, "");
    assert_int_equal(known(w), 0);
    assert_false(
        redis_wanted_rejected(w, span_str("NOPERM"), note_refused, &refused));
    bytes_close(&refused);
}

static bool refused(const struct redis_wanted *w, const char *name,
                    const char *why)
{
    struct span text;

    return redis_wanted_refused(w, span_str(name), false, &text) &&
           span_is(text, why);
}

/* "no" was asked for by itself, and refused. */
static void refuse_no(struct redis_wanted *w, struct bytes *told)
{
    want(w, "no");
    expect_diff(w, "SUBSCRIBE no");
    redis_wanted_rejected(w, span_str("NOPERM"), note_refused, told);
    expect_diff(w, "SUBSCRIBE no");
    redis_wanted_rejected(w, span_str("NOPERM"), note_refused, told);
    assert_true(refused(w, "no", "NOPERM"));
}

static void a_refusal_is_told_once_and_stays_while_it_is_retried(void **state)
{
    struct redis_wanted *w = *state;
    struct bytes told = {0};

    refuse_no(w, &told);
    for (int i = 0; i < 3; i++) {
        redis_wanted_retry(w);
        assert_true(redis_wanted_settled(w));
        expect_diff(w, "SUBSCRIBE no");
        assert_true(redis_wanted_settled(w));
        assert_int_equal(w->refused, 1);
        /* once more before the answer came: nothing to ask */
        redis_wanted_retry(w);
        expect_diff(w, "");
        redis_wanted_rejected(w, span_str("NOPERM again"), note_refused, &told);
        assert_true(refused(w, "no", "NOPERM again"));
    }
    assert_true(span_is(bytes_span(&told), "no "));
    redis_wanted_retry(w);
    expect_diff(w, "SUBSCRIBE no");
    assert_int_equal(yes(w, "no"), REDIS_ANSWER_GRANTED);
    assert_true(confirmed(w, "no"));
    assert_false(redis_wanted_refused(w, span_str("no"), false, NULL));
    assert_int_equal(w->refused, 0);
    bytes_close(&told);
}

static void a_name_given_up_while_it_is_retried_is_not_refused(void **state)
{
    struct redis_wanted *w = *state;
    struct bytes told = {0};

    refuse_no(w, &told);
    redis_wanted_retry(w);
    expect_diff(w, "SUBSCRIBE no");
    unwant(w, "no");
    assert_int_equal(w->refused, 0);
    assert_false(redis_wanted_refused(w, span_str("no"), false, NULL));
    want(w, "no");
    expect_diff(w, "");
    redis_wanted_rejected(w, span_str("NOPERM"), note_refused, &told);
    assert_true(span_is(bytes_span(&told), "no no "));
    unwant(w, "no");
    expect_diff(w, "");
    assert_int_equal(known(w), 0);
    bytes_close(&told);
}

static void
after_a_reconnect_a_refusal_is_told_but_not_as_a_change(void **state)
{
    struct redis_wanted *w = *state;
    struct bytes told = {0};

    refuse_no(w, &told);
    want(w, "a");
    expect_diff(w, "SUBSCRIBE a");
    redis_wanted_reset(w);
    assert_int_equal(w->refused, 0);
    assert_false(redis_wanted_refused(w, span_str("no"), false, NULL));
    assert_false(redis_wanted_settled(w));
    /* By itself, so that its refusal costs "a" nothing. */
    expect_diff(w, "SUBSCRIBE a;SUBSCRIBE no");
    assert_int_equal(yes(w, "a"), REDIS_ANSWER_SUBSCRIBED);
    redis_wanted_rejected(w, span_str("NOPERM"), note_refused, &told);
    assert_true(span_is(bytes_span(&told), "no no! "));
    assert_int_equal(w->refused, 1);
    redis_wanted_reset(w);
    expect_diff(w, "SUBSCRIBE a;SUBSCRIBE no");
    assert_int_equal(yes(w, "a"), REDIS_ANSWER_SUBSCRIBED);
    assert_int_equal(yes(w, "no"), REDIS_ANSWER_GRANTED);
    bytes_close(&told);
}

/* More than are asked for at a time: all get their turn. */
static void many_refused_names_are_retried_in_turn(void **state)
{
    enum { NAMES = 3 * REDIS_BATCH + 7 };
    struct redis_wanted *w = *state;
    struct bytes told = {0}, out = {0};
    char name[24];

    for (int i = 0; i < NAMES; i++) {
        snprintf(name, sizeof name, "n%d", i);
        want(w, name);
    }
    for (int round = 0; round < 2; round++) {
        redis_wanted_diff(w, &out);
        while (
            redis_wanted_rejected(w, span_str("NOPERM"), note_refused, &told))
            ;
    }
    assert_int_equal(w->refused, NAMES);
    bytes_clear(&out);
    for (int turn = 0; turn < 4; turn++) {
        redis_wanted_retry(w);
        redis_wanted_diff(w, &out);
        assert_in_range(w->requests, 1, REDIS_BATCH);
        while (
            redis_wanted_rejected(w, span_str("NOPERM"), note_refused, &told))
            ;
    }
    bytes_add(&out, "", 1);
    for (int i = 0; i < NAMES; i++) {
        snprintf(name, sizeof name, "\r\nn%d\r\n", i);
        assert_non_null(strstr(out.ptr, name));
    }
    assert_int_equal(w->refused, NAMES);
    bytes_close(&told);
    bytes_close(&out);
}

/* A model of the server: whatever is wanted and when, both agree at the end. */
static void random_changes_converge(void **state)
{
    struct redis_wanted *w = *state;
    struct {
        unsigned name;
        bool subscribe;
    } queue[4096];
    size_t head = 0, tail = 0;
    bool server[8] = {false};
    unsigned wish[8] = {0};
    uint64_t seed = 7;
    unsigned settled = 0;

    for (int round = 0; round < 20000; round++) {
        unsigned r, n;
        char name[2] = "a";

        seed = seed * 6364136223846793005U + 1442695040888963407U;
        r = (unsigned)(seed >> 33);
        n = r / 16 % 8;
        name[0] = (char)('a' + n);
        if (r % 4 == 0 && wish[n] < 3) {
            want(w, name);
            wish[n]++;
        } else if (r % 4 == 1) {
            if (wish[n] > 0)
                wish[n]--;
            unwant(w, name);
        } else if (r % 4 == 2) {
            char text[256];

            diff(w, text, sizeof text);
            for (char *word = text, *end; *word; word = end) {
                bool subscribe = word[0] == 'S';

                for (word += subscribe ? 9 : 11; *word == ' '; word += 2) {
                    queue[tail % 4096].name = (unsigned)(word[1] - 'a');
                    queue[tail++ % 4096].subscribe = subscribe;
                }
                end = *word == ';' ? word + 1 : word;
            }
        } else if (head < tail) {
            unsigned at = queue[head % 4096].name;
            bool subscribe = queue[head++ % 4096].subscribe;

            name[0] = (char)('a' + at);
            server[at] = subscribe;
            assert_int_not_equal(
                redis_wanted_answer(w, subscribe, span_str(name), false),
                REDIS_ANSWER_BAD);
        }
        if (redis_wanted_settled(w)) {
            settled++;
            for (unsigned i = 0; i < 8; i++) {
                name[0] = (char)('a' + i);
                assert_int_equal(server[i], wish[i] > 0);
                assert_int_equal(confirmed(w, name), wish[i] > 0);
            }
        }
    }
    assert_true(settled > 100);
}

/* Clients choose them. */
static void
names_chosen_to_collide_do_so_only_in_the_process_they_are_for(void **state)
{
    static char names[COLLISIONS][COLLISIONS_NAME];

    hash_secret = collisions_known;
    collisions_choose(names, COLLISIONS, hash_text, COLLISIONS);
    for (int i = 0; i < 2; i++) {
        struct redis_wanted *w = *state;

        redis_wanted_close(w);
        hash_secret = i == 0 ? collisions_known : collisions_other;
        redis_wanted_init(w);
        for (unsigned k = 0; k < COLLISIONS; k++)
            want(w, names[k]);
        if (i == 0)
            assert_true(collisions_steps(&w->names[0]) >
                        (size_t)COLLISIONS * COLLISIONS / 2);
        else
            assert_true(collisions_steps(&w->names[0]) < 2 * COLLISIONS);
    }
}

int main(void)
{
#define T(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(names_of_one_turn_share_a_command),
        T(a_channel_and_a_pattern_of_one_name_are_two),
        T(wanting_and_not_wanting_in_one_turn_sends_nothing),
        T(an_old_answer_does_not_confirm_a_newer_request),
        T(a_name_given_up_is_forgotten_once_redis_says_so),
        T(answers_nobody_waits_for_are_bad),
        T(many_names_go_out_in_batches),
        T(after_a_loss_everything_wanted_is_asked_again),
        T(pings_keep_their_place_among_the_requests),
        T(one_forbidden_name_does_not_keep_the_others_out),
        T(a_name_stays_until_the_last_who_wanted_it_gives_it_up),
        T(a_refused_name_that_nobody_wants_is_forgotten),
        T(a_refusal_is_told_once_and_stays_while_it_is_retried),
        T(a_name_given_up_while_it_is_retried_is_not_refused),
        T(after_a_reconnect_a_refusal_is_told_but_not_as_a_change),
        T(many_refused_names_are_retried_in_turn),
        T(names_chosen_to_collide_do_so_only_in_the_process_they_are_for),
        T(random_changes_converge),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bargen/store/lease_plan.h"

enum { MEMBERS = 8, SHARDS = 64, NOBODY = -1 };

/* Some instances and what Redis knows of them. */
struct world {
    uint32_t random;
    unsigned shards;
    bool alive[MEMBERS];
    int holder[SHARDS]; /* a member, alive or not; NOBODY */
    unsigned given, taken;
};

static unsigned below(struct world *w, unsigned n)
{
    w->random = w->random * 1664525u + 1013904223u;
    return (w->random >> 8) % n;
}

static unsigned held(const struct world *w, int member)
{
    unsigned n = 0;

    for (unsigned i = 0; i < w->shards; i++)
        n += w->holder[i] == member;
    return n;
}

static unsigned members(const struct world *w)
{
    unsigned n = 0;

    for (int m = 0; m < MEMBERS; m++)
        n += w->alive[m];
    return n;
}

/* What member m does about what it saw in `seen`, in the world as it is. */
static void act(struct world *w, const struct world *seen, int m)
{
    enum lease_holder holder[SHARDS];
    enum lease_step step[SHARDS];
    struct lease_view view = {members(seen), 0, w->shards, holder};

    for (int k = 0; k < m; k++)
        view.rank += seen->alive[k];
    for (unsigned i = 0; i < w->shards; i++)
        holder[i] = w->holder[i] == m           ? LEASE_OURS
                    : seen->holder[i] == NOBODY ? LEASE_FREE
                                                : LEASE_OTHERS;
    lease_plan_steps(&view, step);
    for (unsigned i = 0; i < w->shards; i++) {
        if (step[i] == LEASE_GIVE) {
            assert_int_equal(w->holder[i], m);
            w->holder[i] = NOBODY;
            w->given++;
        } else if (step[i] == LEASE_TAKE && w->holder[i] == NOBODY) {
            w->holder[i] = m;
            w->taken++;
        }
    }
}

/* Every member looks once, in any order, and does what it thinks right; some
 * of them some time after they have looked. */
static void go_round(struct world *w)
{
    struct world seen = *w;
    unsigned first = below(w, MEMBERS);

    for (unsigned k = 0; k < MEMBERS; k++) {
        int m = (int)((first + k * 3) % MEMBERS);

        if (below(w, 3) > 0)
            seen = *w;
        if (w->alive[m])
            act(w, &seen, m);
    }
}

/* The leases of those that are gone have ended. */
static void expire(struct world *w)
{
    for (unsigned i = 0; i < w->shards; i++)
        if (w->holder[i] != NOBODY && !w->alive[w->holder[i]])
            w->holder[i] = NOBODY;
}

static void settle(struct world *w)
{
    for (unsigned i = 0; i < 40; i++)
        go_round(w);
}

static void assert_settled(struct world *w)
{
    unsigned share = lease_plan_share(w->shards, members(w));

    assert_int_equal(held(w, NOBODY), 0);
    for (int m = 0; m < MEMBERS; m++)
        assert_in_range(held(w, m), 0, w->alive[m] ? share : 0);
    w->given = w->taken = 0;
    settle(w);
    assert_int_equal(w->given, 0);
    assert_int_equal(w->taken, 0);
}

/* One comes, goes in order or dies.  The most that may move, in `need`. */
static void change(struct world *w, unsigned *need)
{
    unsigned m = below(w, MEMBERS), share;

    *need = 0;
    if (!w->alive[m]) {
        w->alive[m] = true;
        share = lease_plan_share(w->shards, members(w));
        for (int k = 0; k < MEMBERS; k++)
            if (held(w, k) > share)
                *need += held(w, k) - share;
        return;
    }
    if (members(w) == 1)
        return;
    w->alive[m] = false;
    *need = held(w, (int)m);
    if (below(w, 2)) { /* died: what it had is held until it ends */
        go_round(w);
        go_round(w);
        assert_int_equal(w->taken, 0);
    }
    expire(w);
}

static void whoever_comes_or_goes_all_is_shared_and_little_moves(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 200; seed++) {
        struct world w = {.random = seed};

        w.shards = 1 + below(&w, SHARDS);
        w.alive[below(&w, MEMBERS)] = true;
        for (unsigned i = 0; i < w.shards; i++)
            w.holder[i] = NOBODY;
        settle(&w);
        assert_settled(&w);
        for (unsigned i = 0; i < 30; i++) {
            unsigned need;

            w.given = w.taken = 0;
            change(&w, &need);
            settle(&w);
            assert_int_equal(w.taken, need);
            assert_true(w.given == need || w.given == 0);
            assert_settled(&w);
        }
    }
}

/* holder: one letter a shard, '-' free, 'o' ours, 'x' another's. */
static void assert_steps(const char *holder, unsigned members_, unsigned rank,
                         const char *want)
{
    enum lease_holder seen[16];
    enum lease_step step[16];
    char got[17] = "";
    struct lease_view view = {members_, rank, (unsigned)strlen(holder), seen};
    bool any = false;

    for (unsigned i = 0; i < view.shards; i++)
        seen[i] = holder[i] == '-'   ? LEASE_FREE
                  : holder[i] == 'o' ? LEASE_OURS
                                     : LEASE_OTHERS;
    any = lease_plan_steps(&view, step);
    for (unsigned i = 0; i < view.shards; i++)
        got[i] = "=gt"[step[i]];
    assert_string_equal(got, want);
    assert_int_equal(any, strchr(got, 'g') || strchr(got, 't'));
}

static void one_alone_takes_everything(void **state)
{
    (void)state;
    assert_steps("----------------", 1, 0, "tttttttttttttttt");
    assert_steps("oooo----oooo----", 1, 0, "====tttt====tttt");
}

static void what_is_over_the_share_goes_back_and_no_more(void **state)
{
    (void)state;
    assert_steps("oooooooooooooooo", 2, 0, "========gggggggg");
    assert_steps("ooooooooxxxxxxxx", 3, 0, "======gg========");
    /* A fifth beside four that have four each gets none: 16/5 is 4. */
    assert_steps("ooooxxxxxxxxxxxx", 5, 0, "================");
}

static void what_is_free_is_taken_up_to_the_share(void **state)
{
    (void)state;
    assert_steps("--------xxxxxxxx", 2, 0, "tttttttt========");
    assert_steps("--------xxxxxxxx", 3, 0, "tttttt==========");
    assert_steps("oooo----xxxxxxxx", 3, 0, "====tt==========");
    assert_steps("xxxxxxxxxxxxxxxx", 2, 1, "================");
    /* More members than shards. */
    assert_steps("-xx", 9, 5, "t==");
}

static void who_looks_at_the_same_time_asks_for_different_shards(void **state)
{
    (void)state;
    assert_steps("----------------", 3, 0, "tttttt==========");
    assert_steps("----------------", 3, 1, "======tttttt====");
    assert_steps("----------------", 3, 2, "tt==========tttt");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_comes_or_goes_all_is_shared_and_little_moves),
        cmocka_unit_test(one_alone_takes_everything),
        cmocka_unit_test(what_is_over_the_share_goes_back_and_no_more),
        cmocka_unit_test(what_is_free_is_taken_up_to_the_share),
        cmocka_unit_test(who_looks_at_the_same_time_asks_for_different_shards),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

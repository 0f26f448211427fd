/*
 * One channel that many clients hear at different intervals, by its name and
 * through wildcards, checked against a model from a seed.
 *
 * Of each slot (type, bar, symbol) a client must never hear older than it had,
 * nothing twice, and the newest within its interval; and every message must be
 * counted once for each client that it was due to.
 *
 *   interval_test            some seeds
 *   interval_test SEED       that one, everything shown
 */
#include "tests/unit/wsgate/client/interval_model.h"

enum { STEPS = 500, SEEDS = 100, SEND_BUFFER = 4608 };

/* --- steps --- */

static void publish(void)
{
    static unsigned bar;
    unsigned slot = draw(4);
    char type[16], text[320];
    struct err err;

    if (t.n == 0)
        bar = 0;
    if (is_bars()) {
        if (bar < SLOTS - 1 && draw(8) == 0)
            bar++;
        slot = bar - (slot < bar ? slot : 0) * (draw(3) == 0);
    }
    t.sent[slot].n = ++t.n;
    t.sent[slot].ms = now_ms();
    snprintf(type, sizeof type, t.names == feeds[0] ? "%u" : "bar", slot);
    snprintf(text, sizeof text,
             "{\"channel\":\"%s\",\"data\":{\"type\":\"%s\",\"symbol\":\"S%u\","
             "\"slot\":%u,\"n\":%u,\"bar\":{\"time\":%u},\"more\":"
             "\"................................\"}}",
             t.names[0], type, slot, slot, t.n, (slot + 1) * 300000);
    say(NULL, "slot %u n %u", slot, t.n);
    assert_true(world_line(&t.world.up, text, &err));
    t.due +=
        channel_clients(upstream_channels(t.world.up.upstream), channel_of());
}

static void come(struct hearer *h)
{
    const int size = SEND_BUFFER;

    memset(h, 0, sizeof *h);
    if (t.world.n == VISITORS_MAX)
        return;
    h->v = visitor_come(&t.world, "192.0.2.1", DIALECT_NATIVE);
    h->reads = true;
    if (h - t.hearers < SLOW)
        assert_int_equal(setsockopt(h->v->client->m.fd, SOL_SOCKET, SO_SNDBUF,
                                    &size, sizeof size),
                         0);
    say(h, "comes");
}

static void leave(struct hearer *h)
{
    say(h, "leaves");
    visitor_leave(h->v);
    *h = (struct hearer){0};
}

static void ask(struct hearer *h, bool on)
{
    static const unsigned intervals[] = {0, 0, 50, 250, 1000};
    unsigned name = draw(t.n_names), interval = on ? intervals[draw(5)] : 0;
    bool had = h->v->client->m.group != NULL;
    const struct view *heard;
    char text[200];

    snprintf(text, sizeof text,
             "{\"type\":\"%ssubscribe\",\"id\":%u,%s\"channel\":\"%s\"",
             on ? "" : "un", interval * NAMES_MAX + name,
             on && interval == 0 && draw(4) == 0 ? "\"mode\":\"all\"," : "",
             t.names[name]);
    if (on)
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 ",\"interval_ms\":%u", interval);
    snprintf(text + strlen(text), sizeof text - strlen(text), "}");
    say(h, "%s", text);
    h->asked++;
    visitor_say(&t.world, h->v, text);
    if (had || !h->v->client->m.group)
        return;
    h->since_ms = now_ms();
    h->first = t.n + 1;
    h->newest = newest_bar();
    /* What waits in the interval that it comes to is due to it, too. */
    heard = view_of(h);
    t.due += heard ? view_held(heard) : 0;
}

static void step(void)
{
    struct hearer *h = &t.hearers[draw(HEARERS)];
    unsigned what = draw(100);

    if (what < 50) {
        publish();
    } else if (what < 70) {
        fake_mono_ns += (int64_t)(1 + draw(60)) * 1000000;
    } else if (!h->v) {
        come(h);
    } else if (what < 85) {
        ask(h, true);
    } else if (what < 94) {
        ask(h, false);
    } else if (what < 96) {
        leave(h);
    } else if (h - t.hearers < SLOW) {
        h->reads = !h->reads;
        say(h, "%s", h->reads ? "reads" : "does not read");
    }
    turn();
}

/* Everybody reads, and nothing waits any more. */
static void rest(void)
{
    for (int i = 0; i < HEARERS; i++)
        t.hearers[i].reads = true;
    for (int i = 0; i < 24; i++) {
        fake_mono_ns += INT64_C(50000000);
        turn();
    }
    for (int i = 0; i < SLOW; i++) {
        if (has(&t.hearers[i]))
            check_known(&t.hearers[i]);
    }
    assert_int_equal(fanout_queued(&t.world.up.fanout), 0);
    assert_int_equal(held(), 0);
}

static void run(uint64_t seed)
{
    struct clients_options o = world_options();

    memset(&t.hearers, 0, sizeof t.hearers);
    memset(&t.sent, 0, sizeof t.sent);
    t.seed = seed;
    t.n = t.step = 0;
    t.due = 0;
    t.names = feeds[seed % 3];
    for (t.n_names = 0; t.n_names < NAMES_MAX && t.names[t.n_names];)
        t.n_names++;
    t.random = random_seeded(seed);
    o.allowance.rate = 1e6;
    o.allowance.burst = 1000000;
    client_world_open(&t.world, false, &o);
    for (; t.step < STEPS; t.step++) {
        step();
        if (t.step % 100 == 99)
            rest();
    }
    client_world_close(&t.world);
}

static void nobody_hears_older_or_twice_or_too_late(void **state)
{
    const uint64_t *seed = *state;

    t.verbose = seed != NULL;
    if (seed) {
        run(*seed);
        return;
    }
    for (uint64_t i = 1; i <= SEEDS; i++)
        run(i);
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(nobody_hears_older_or_twice_or_too_late,
                                  argc > 1 ? &seed : NULL),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

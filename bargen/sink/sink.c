#include "bargen/sink/sink.h"

#include <inttypes.h>

#include "bargen/core/message.h"
#include "bargen/core/stats.h"
#include "common/base/clock.h"
#include "common/base/log.h"

enum {
    /* The time of day may be set: look again at least this often. */
    LOOK_MS = 1000,
};

/* --- bars --- */

void sink_bar(struct sink *s, struct symbol *sym, const struct resolution *r,
              const struct bar *bar, enum bar_issue how)
{
    struct bytes *out;
    size_t before;

    if (how != BAR_FINAL && !s->config.store.outbox.updates)
        return;
    if (s->store)
        store_bar(s->store, sym, r, bar, how);
    if (!s->out)
        return;
    out = tee_bytes(s->out);
    before = out->len;
    message_bar(out, sym->name, r, bar, how, s->config.store.outbox.source);
    bytes_add(out, "\n", 1);
    tee_added(s->out, before);
}

bool sink_full(const struct sink *s)
{
    if (s->store)
        return !store_ready(s->store) || store_full(s->store);
    return s->out && tee_full(s->out);
}

/* --- time --- */

static int64_t newest_event(const void *arg)
{
    return engine_newest(arg);
}

/* A clock that has just jumped ahead closes no bar. */
static bool look_at_clock(struct sink *s)
{
    bool doubtful = s->wallwatch.doubtful;
    int64_t wall_ns = clock_wall_ns();
    bool good = wallwatch_look(&s->wallwatch, wall_ns, (int64_t)clock_mono_ns(),
                               newest_event, s->engine);

    if (!good && !doubtful)
        log_warn("clock_jumped",
                 "ahead_ms=%" PRId64
                 " why=\"no bar is closed by it before events confirm it, or "
                 "a minute is over\"",
                 (wall_ns - (int64_t)clock_mono_ns() - s->wallwatch.ahead_ns) /
                     NS_PER_MS);
    return good;
}

/* What waits in the source comes before what the clock says. */
static bool clock_counts(const struct sink *s)
{
    return !s->wallwatch.doubtful && s->config.caught_up(s->config.arg);
}

/* Monotonic ms at which something is due; UINT64_MAX: nothing. */
static uint64_t due_ms(const struct sink *s)
{
    const struct engine_shard *changes = &s->engine->shards[0];

    if (s->store)
        return store_due_ms(s->store);
    if (changes->n_dirty == 0)
        return UINT64_MAX;
    return changes->urgent
               ? 0
               : s->updated_ms + (uint64_t)s->config.store.throttle_ms;
}

static void on_timer(uv_timer_t *timer);

static void set_timer(struct sink *s)
{
    int64_t wake_ns = engine_next_wake(s->engine);
    uint64_t now_ms = clock_mono_ms(), due = due_ms(s), wait_ms;

    if (due == UINT64_MAX && wake_ns == INT64_MAX) {
        uv_timer_stop(&s->timer);
        return;
    }
    wait_ms = due > now_ms ? due - now_ms : 0;
    if (wake_ns != INT64_MAX) {
        int64_t ns = wake_ns - clock_wall_ns();
        uint64_t ms = ns > 0 ? (uint64_t)(ns / NS_PER_MS) + 1 : 0;

        /* Not while the clock does not count: what it waits for flushes. */
        if (ms == 0 && !clock_counts(s))
            ms = LOOK_MS;
        wait_ms = ms < wait_ms ? ms : wait_ms;
    }
    uv_update_time(s->config.loop);
    uv_timer_start(&s->timer, on_timer, wait_ms < LOOK_MS ? wait_ms : LOOK_MS,
                   0);
}

static void update_output(struct sink *s)
{
    uint64_t now_ms = clock_mono_ms();

    if (due_ms(s) <= now_ms) {
        engine_update(s->engine, 0, now_ms);
        engine_clean(s->engine, 0);
        s->updated_ms = now_ms;
    }
    tee_flush(s->out);
}

void sink_flush(struct sink *s)
{
    if (s->store)
        store_flush(s->store);
    else
        update_output(s);
    if (s->finishing)
        return;
    stats_log_drops(s->engine, clock_mono_ms());
    set_timer(s);
}

static void on_timer(uv_timer_t *timer)
{
    struct sink *s = timer->data;

    if (look_at_clock(s) && clock_counts(s))
        engine_wake(s->engine, clock_wall_ns());
    sink_flush(s);
}

/* --- beginning and end --- */

static void init(struct sink *s, const struct sink_config *config)
{
    *s = (struct sink){.config = *config, .engine = config->store.engine};
    uv_timer_init(config->loop, &s->timer);
    s->timer.data = s;
}

void sink_to_output(struct sink *s, const struct sink_config *config,
                    struct tee *out)
{
    init(s, config);
    s->out = out;
}

void sink_to_store(struct sink *s, const struct sink_config *config,
                   const struct store_events *events)
{
    init(s, config);
    s->store = store_new(config->loop, &config->store, events, config->arg);
}

static void on_written(void *arg, size_t lost)
{
    struct sink *s = arg;

    (void)lost;
    s->on_finished(s->finished_arg);
}

void sink_finish(struct sink *s, void (*done)(void *arg), void *arg)
{
    s->finishing = true;
    uv_timer_stop(&s->timer);
    if (s->store) {
        store_finish(s->store, done, arg);
        return;
    }
    s->on_finished = done;
    s->finished_arg = arg;
    tee_close(s->out, on_written, s);
    s->out = NULL;
}

void sink_close(struct sink *s)
{
    s->finishing = true;
    uv_close((uv_handle_t *)&s->timer, NULL);
    tee_close(s->out, NULL, NULL);
    store_close(s->store, NULL, NULL);
    s->out = NULL;
    s->store = NULL;
}

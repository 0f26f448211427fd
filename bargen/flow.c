#include "bargen/flow.h"

#include <inttypes.h>

#include "bargen/bargen.h"
#include "bargen/core/message.h"
#include "bargen/core/stats.h"
#include "common/base/clock.h"
#include "common/base/log.h"

enum {
    OUT_CHUNK_BYTES = 64 * 1024, /* between looks at the output's bound */
    /* The time of day may be set: look again at least this often. */
    LOOK_MS = 1000,
};

/* --- bars --- */

const char *flow_source_name(const struct bargen *b)
{
    return b->mock ? "mock" : NULL;
}

void flow_tell_output(struct bargen *b)
{
    if (b->out_unsaid == 0 || !b->out)
        return;
    b->out_unsaid = 0;
    output_added(b->out);
}

void flow_bar(void *arg, struct symbol *sym, const struct resolution *r,
              const struct bar *bar, enum bar_issue how)
{
    struct bargen *b = arg;
    struct bytes *out;
    size_t before;

    if (how != BAR_FINAL && b->opts->final_only)
        return;
    if (b->store) {
        store_bar(b->store, sym, r, bar, how);
        return;
    }
    if (!b->out)
        return;
    out = output_bytes(b->out);
    before = out->len;
    message_bar(out, sym->name, r, bar, how, flow_source_name(b));
    bytes_add(out, "\n", 1);
    b->out_unsaid += out->len - before;
    if (b->out_unsaid >= OUT_CHUNK_BYTES)
        flow_tell_output(b);
}

bool bargen_full(const struct bargen *b)
{
    if (b->store)
        return !store_ready(b->store) || store_full(b->store);
    return b->out && output_full(b->out);
}

/* --- time --- */

static int64_t newest_event(const void *arg)
{
    return engine_newest(arg);
}

/* A clock that has just jumped ahead closes no bar. */
static bool look_at_clock(struct bargen *b)
{
    bool doubtful = b->wallwatch.doubtful;
    int64_t wall_ns = clock_wall_ns();
    bool good = wallwatch_look(&b->wallwatch, wall_ns, (int64_t)clock_mono_ns(),
                               newest_event, &b->engine);

    if (!good && !doubtful)
        log_warn("clock_jumped",
                 "ahead_ms=%" PRId64
                 " why=\"no bar is closed by it before events confirm it, or "
                 "a minute is over\"",
                 (wall_ns - (int64_t)clock_mono_ns() - b->wallwatch.ahead_ns) /
                     NS_PER_MS);
    return good;
}

/* What lies in the journal comes before what the clock says. */
static bool clock_counts(const struct bargen *b)
{
    if (b->wallwatch.doubtful)
        return false;
    if (b->journal)
        return journal_caught_up(b->journal);
    if (b->pubsub)
        return pubsub_ready(b->pubsub);
    return !b->lines.paused;
}

static void on_timer(uv_timer_t *timer);

static void set_timer(struct bargen *b)
{
    int64_t wake_ns = engine_next_wake(&b->engine);
    uint64_t now_ms = clock_mono_ms(), due_ms = UINT64_MAX, wait_ms;

    if (b->closing)
        return;
    if (b->store)
        due_ms = store_due_ms(b->store);
    else if (b->engine.shards[0].n_dirty > 0)
        due_ms = b->updated_ms + (uint64_t)b->opts->throttle_ms;
    if (due_ms == UINT64_MAX && wake_ns == INT64_MAX) {
        uv_timer_stop(&b->timer);
        return;
    }
    wait_ms = due_ms > now_ms ? due_ms - now_ms : 0;
    if (wake_ns != INT64_MAX) {
        int64_t ns = wake_ns - clock_wall_ns();
        uint64_t ms = ns > 0 ? (uint64_t)(ns / NS_PER_MS) + 1 : 0;

        /* Not while the clock does not count: what it waits for flushes. */
        if (ms == 0 && !clock_counts(b))
            ms = LOOK_MS;
        wait_ms = ms < wait_ms ? ms : wait_ms;
    }
    uv_update_time(&b->app->loop);
    uv_timer_start(&b->timer, on_timer, wait_ms < LOOK_MS ? wait_ms : LOOK_MS,
                   0);
}

static void update_output(struct bargen *b)
{
    uint64_t now_ms = clock_mono_ms();

    if (b->engine.shards[0].n_dirty > 0 &&
        (b->engine.shards[0].urgent ||
         now_ms >= b->updated_ms + (uint64_t)b->opts->throttle_ms)) {
        engine_update(&b->engine, 0);
        engine_clean(&b->engine, 0);
        b->updated_ms = now_ms;
    }
    flow_tell_output(b);
}

void bargen_flush(struct bargen *b)
{
    if (b->closing)
        return;
    if (b->store)
        store_flush(b->store);
    else
        update_output(b);
    stats_log_drops(&b->engine, clock_mono_ms());
    set_timer(b);
}

static void on_timer(uv_timer_t *timer)
{
    struct bargen *b = timer->data;

    if (look_at_clock(b) && clock_counts(b))
        engine_wake(&b->engine, clock_wall_ns());
    bargen_flush(b);
}

#include "tickpub/input/source.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/line.h"
#include "tickpub/input/simulator.h"

enum {
    PER_TURN = 1024, /* events before the loop has its turn */
    NS_PER_MS = 1000000,
    LAG_MAX_NS = 1000 * NS_PER_MS,
};

/* One of the two: lines of an input, or a simulation with its timer.
 * virtual_ns is the time of the next event, due_ns when it is to come, on the
 * monotonic clock. */
struct source {
    struct input *input;
    struct simulator *simulator;
    struct source_simulation simulation;
    struct input_events events;
    void *arg;
    struct bytes line;
    uint64_t number;
    int64_t virtual_ns;
    int64_t due_ns;
    bool paused, closing, ended;
    uv_timer_t timer;
    uv_idle_t idle;
    uv_prepare_t hold; /* a paused source is not a finished one */
    unsigned open_handles;
};

struct source *source_file(uv_loop_t *loop, int fd, size_t max_line,
                           const struct input_events *events, void *arg,
                           struct err *err)
{
    struct input *in = input_new(loop, fd, max_line, events, arg, err);
    struct source *s;

    if (!in)
        return NULL;
    s = mem_zero(sizeof *s);
    s->input = in;
    return s;
}

static void on_timer(uv_timer_t *timer);
static void on_idle(uv_idle_t *idle);

static void on_hold(uv_prepare_t *hold)
{
    (void)hold;
}

/* Wait for what is next: the end of a pause, the next turn, or a time. */
static void rearm(struct source *s)
{
    int64_t wait_ns = s->due_ns - (int64_t)clock_mono_ns();

    uv_timer_stop(&s->timer);
    uv_idle_stop(&s->idle);
    uv_prepare_stop(&s->hold);
    if (s->closing || s->ended)
        return;
    if (s->paused)
        uv_prepare_start(&s->hold, on_hold);
    else if (wait_ns <= 0)
        uv_idle_start(&s->idle, on_idle);
    else
        uv_timer_start(&s->timer, on_timer,
                       (uint64_t)(wait_ns + NS_PER_MS - 1) / NS_PER_MS, 0);
}

static void plan_next(struct source *s)
{
    const struct source_simulation *sim = &s->simulation;
    int64_t gap_ns = simulator_gap_ns(s->simulator, s->virtual_ns);

    s->virtual_ns += gap_ns;
    if (sim->start_ns == 0)
        s->due_ns += gap_ns;
    else if (sim->speed > 0)
        s->due_ns += (int64_t)((double)gap_ns / sim->speed);
}

static void emit(struct source *s)
{
    struct span line;

    bytes_clear(&s->line);
    simulator_event(s->simulator, s->virtual_ns, &s->line);
    line = bytes_span(&s->line);
    bytes_reserve(&s->line, LINE_PAD); /* scanners may look beyond the line */
    line.ptr = s->line.ptr;
    plan_next(s);
    s->events.on_line(s->arg, line, ++s->number);
}

static bool all_emitted(const struct source *s)
{
    return s->simulation.count > 0 &&
           s->number >= (uint64_t)s->simulation.count;
}

static void run(struct source *s)
{
    int64_t now_ns = (int64_t)clock_mono_ns();
    int64_t wall_ns = clock_wall_ns();
    bool live = s->simulation.start_ns == 0;

    if (live && now_ns - s->due_ns > LAG_MAX_NS)
        s->due_ns = now_ns; /* more than this machine can invent */
    for (int i = 0; i < PER_TURN && s->due_ns <= now_ns; i++) {
        if (s->paused || s->closing || all_emitted(s))
            break;
        if (live)
            s->virtual_ns = wall_ns - (now_ns - s->due_ns);
        emit(s);
    }
    if (s->closing)
        return;
    s->events.on_drained(s->arg);
    if (!s->closing && !s->paused && all_emitted(s)) {
        s->ended = true;
        s->events.on_end(s->arg, 0);
    }
    rearm(s);
}

static void on_timer(uv_timer_t *timer)
{
    run(timer->data);
}

static void on_idle(uv_idle_t *idle)
{
    run(idle->data);
}

struct source *source_simulated(uv_loop_t *loop,
                                const struct source_simulation *simulation,
                                const struct input_events *events, void *arg)
{
    struct source *s = mem_zero(sizeof *s);

    s->simulation = *simulation;
    s->events = *events;
    s->arg = arg;
    s->simulator = simulator_new(simulation->symbols, simulation->n_symbols,
                                 simulation->rate, (uint64_t)simulation->seed);
    uv_timer_init(loop, &s->timer);
    uv_idle_init(loop, &s->idle);
    uv_prepare_init(loop, &s->hold);
    s->timer.data = s->idle.data = s->hold.data = s;
    s->open_handles = 3;
    s->virtual_ns =
        simulation->start_ns > 0 ? simulation->start_ns : clock_wall_ns();
    s->due_ns = (int64_t)clock_mono_ns();
    rearm(s);
    return s;
}

void source_pause(struct source *s)
{
    if (s->input) {
        input_pause(s->input);
        return;
    }
    s->paused = true;
    rearm(s);
}

void source_resume(struct source *s)
{
    if (s->input) {
        input_resume(s->input);
        return;
    }
    s->paused = false;
    /* What a market does while nobody listens is not made up for. */
    s->due_ns = (int64_t)clock_mono_ns();
    rearm(s);
}

static void on_closed(uv_handle_t *handle)
{
    struct source *s = handle->data;

    if (--s->open_handles > 0)
        return;
    simulator_free(s->simulator);
    bytes_close(&s->line);
    free(s);
}

void source_close(struct source *s)
{
    if (!s || s->closing)
        return;
    s->closing = true;
    if (s->input) {
        input_close(s->input);
        free(s);
        return;
    }
    uv_close((uv_handle_t *)&s->timer, on_closed);
    uv_close((uv_handle_t *)&s->idle, on_closed);
    uv_close((uv_handle_t *)&s->hold, on_closed);
}

#include "tickpub/input/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/line.h"
#include "tickpub/input/report.h"

enum { NS_PER_MS = 1000000 };

void reader_pause(struct reader *r, unsigned reason)
{
    bool was = r->paused != 0;

    r->paused |= reason;
    if (!was && r->source)
        source_pause(r->source);
}

void reader_resume(struct reader *r, unsigned reason)
{
    bool was = r->paused != 0;

    r->paused &= ~reason;
    if (was && r->paused == 0 && r->source)
        source_resume(r->source);
}

/* --- recorded events and their times --- */

/* The event is accepted whatever the clock says: it has waited. */
static void on_due(uv_timer_t *timer)
{
    struct reader *r = timer->data;
    enum event_fault fault;
    unsigned column;

    if (intake_read(&r->intake, bytes_span(&r->held), &r->event, &fault,
                    &column) == INTAKE_EVENT)
        r->events.on_event(r->arg, &r->event, r->held_number);
    r->events.on_drained(r->arg);
    reader_resume(r, READER_NOT_DUE);
}

static void hold(struct reader *r, struct span line, uint64_t number,
                 int64_t wait_ns)
{
    /* The scanner needs LINE_PAD bytes behind the line again. */
    bytes_clear(&r->held);
    bytes_reserve(&r->held, line.len + LINE_PAD);
    bytes_add_span(&r->held, line);
    r->held_number = number;
    reader_pause(r, READER_NOT_DUE);
    uv_timer_start(&r->held_timer, on_due,
                   (uint64_t)(wait_ns + NS_PER_MS - 1) / NS_PER_MS, 0);
}

static bool must_wait(struct reader *r, int64_t *wait_ns)
{
    if (!r->timed)
        return false;
    *wait_ns =
        pace_wait_ns(&r->pace, r->event.time_ns, (int64_t)clock_mono_ns());
    return *wait_ns >= NS_PER_MS; /* timers are no finer */
}

/* --- of the source --- */

static void on_line(void *arg, struct span line, uint64_t number)
{
    struct reader *r = arg;
    enum event_fault fault;
    unsigned column;
    int64_t wait_ns;

    switch (intake_read(&r->intake, line, &r->event, &fault, &column)) {
    case INTAKE_EVENT:
        if (must_wait(r, &wait_ns))
            hold(r, line, number, wait_ns);
        else
            r->events.on_event(r->arg, &r->event, number);
        break;
    case INTAKE_IGNORED:
        report_ignored();
        break;
    case INTAKE_BAD:
        r->events.on_bad(r->arg, fault, number, column);
        break;
    }
}

static void on_too_long(void *arg, uint64_t number)
{
    struct reader *r = arg;

    r->events.on_bad(r->arg, REPORT_TOO_LONG, number, 0);
}

static void on_drained(void *arg)
{
    struct reader *r = arg;

    r->events.on_drained(r->arg);
}

static void on_end(void *arg, int errnum)
{
    struct reader *r = arg;

    reader_stop(r);
    r->events.on_end(r->arg, errnum);
}

/* --- beginning and end --- */

static bool open_file(struct reader *r, const char *path, struct err *err)
{
    if (!path || strcmp(path, "-") == 0)
        return true;
    r->fd = open(path, O_RDONLY | O_CLOEXEC);
    return r->fd >= 0 || err_errno(err, ERR_USAGE, errno, "--replay: %s", path);
}

static bool open_source(struct reader *r, uv_loop_t *loop,
                        const struct reader_options *o, struct err *err)
{
    struct input_events events = {.on_line = on_line,
                                  .on_too_long = on_too_long,
                                  .on_drained = on_drained,
                                  .on_end = on_end};

    if (o->simulation)
        r->source = source_simulated(loop, o->simulation, &events, r);
    else if (open_file(r, o->replay, err))
        r->source = source_file(loop, r->fd, (size_t)o->max_line_bytes, &events,
                                r, err);
    return r->source != NULL;
}

bool reader_open(struct reader *r, uv_loop_t *loop,
                 const struct reader_options *options,
                 const struct reader_events *events, void *arg, struct err *err)
{
    *r = (struct reader){.timed = options->replay && options->pace.speed > 0,
                         .pace = options->pace,
                         .events = *events,
                         .arg = arg};
    if (!intake_init(&r->intake, options->feed, &options->rules,
                     options->max_future_ms, err) ||
        !open_source(r, loop, options, err))
        return false;
    uv_timer_init(loop, &r->held_timer);
    r->held_timer.data = r;
    return true;
}

void reader_stop(struct reader *r)
{
    source_close(r->source);
    r->source = NULL;
}

void reader_close(struct reader *r)
{
    uv_handle_t *timer = (uv_handle_t *)&r->held_timer;

    reader_stop(r);
    if (timer->data && !uv_is_closing(timer))
        uv_close(timer, NULL);
}

void reader_free(struct reader *r)
{
    if (r->fd > STDIN_FILENO)
        close(r->fd);
    bytes_close(&r->held);
    intake_close(&r->intake);
}

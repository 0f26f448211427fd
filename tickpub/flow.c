#include "tickpub/flow.h"

#include <inttypes.h>

#include "common/base/clock.h"
#include "common/base/line.h"
#include "tickpub/report.h"

enum {
    TEE_CHUNK_BYTES = 64 * 1024, /* between looks at the output's bound */
    NS_PER_MS = 1000000,
};

void flow_pause(struct tickpub *t, unsigned reason)
{
    bool was = t->paused != 0;

    t->paused |= reason;
    if (!was && t->source)
        source_pause(t->source);
}

void flow_resume(struct tickpub *t, unsigned reason)
{
    bool was = t->paused != 0;

    t->paused &= ~reason;
    if (was && t->paused == 0 && t->source)
        source_resume(t->source);
}

/* --- bad lines --- */

static void refuse(struct tickpub *t, unsigned fault, uint64_t number,
                   unsigned column)
{
    struct err err = {0};

    if (t->closing || t->app->stopping)
        return;
    report_bad(fault, number, column, t->opts->strict);
    if (!t->opts->strict)
        return;
    if (column > 0)
        err_set(&err, ERR_INPUT, "line %" PRIu64 ", column %u: %s", number,
                column, report_fault_text(fault));
    else
        err_set(&err, ERR_INPUT, "line %" PRIu64 ": %s", number,
                report_fault_text(fault));
    source_close(t->source);
    t->source = NULL;
    app_fail(t->app, &err);
}

void flow_too_long(void *arg, uint64_t number)
{
    refuse(arg, REPORT_TOO_LONG, number, 0);
}

/* --- accepted events --- */

static void tell_tee(struct tickpub *t)
{
    if (!t->tee || t->tee_unsaid == 0)
        return;
    t->tee_unsaid = 0;
    output_added(t->tee);
    if (output_full(t->tee))
        flow_pause(t, PAUSE_TEE);
}

static void copy_out(struct tickpub *t, struct span text)
{
    struct bytes *out = output_bytes(t->tee);
    char *to = bytes_reserve(out, text.len + 1);

    memcpy(to, text.ptr, text.len);
    to[text.len] = '\n';
    out->len += text.len + 1;
    t->tee_unsaid += text.len + 1;
    if (t->tee_unsaid >= TEE_CHUNK_BYTES)
        tell_tee(t);
}

static void accept_event(struct tickpub *t, const struct event *ev,
                         uint64_t number)
{
    if (t->publisher) {
        if (!publisher_add(t->publisher, ev)) {
            refuse(t, REPORT_TOO_MANY_NAMES, number, 0);
            return;
        }
        if (publisher_full(t->publisher))
            flow_pause(t, PAUSE_QUEUE);
    }
    report_accepted(ev->type);
    if (t->tee)
        copy_out(t, ev->text);
}

/* --- recorded events and their times --- */

static void hold(struct tickpub *t, struct span line, uint64_t number,
                 int64_t wait_ns)
{
    /* The scanner needs LINE_PAD bytes behind the line again. */
    bytes_clear(&t->held);
    bytes_reserve(&t->held, line.len + LINE_PAD);
    bytes_add_span(&t->held, line);
    t->held_number = number;
    flow_pause(t, PAUSE_PACE);
    uv_timer_start(&t->held_timer, flow_due,
                   (uint64_t)(wait_ns + NS_PER_MS - 1) / NS_PER_MS, 0);
}

/* The event is accepted whatever the clock says: it has waited. */
void flow_due(uv_timer_t *timer)
{
    struct tickpub *t = timer->data;
    enum event_fault fault;
    unsigned column;

    if (intake_read(&t->intake, bytes_span(&t->held), &t->event, &fault,
                    &column) == INTAKE_EVENT)
        accept_event(t, &t->event, t->held_number);
    flow_drained(t);
    flow_resume(t, PAUSE_PACE);
}

static bool must_wait(struct tickpub *t, const struct event *ev,
                      int64_t *wait_ns)
{
    if (!t->opts->replay || t->pace.speed <= 0)
        return false;
    *wait_ns = pace_wait_ns(&t->pace, ev->time_ns, (int64_t)clock_mono_ns());
    return *wait_ns >= NS_PER_MS; /* timers are no finer */
}

void flow_line(void *arg, struct span line, uint64_t number)
{
    struct tickpub *t = arg;
    struct event *ev = &t->event;
    enum event_fault fault;
    unsigned column;
    int64_t wait_ns;

    switch (intake_read(&t->intake, line, ev, &fault, &column)) {
    case INTAKE_EVENT:
        if (must_wait(t, ev, &wait_ns))
            hold(t, line, number, wait_ns);
        else
            accept_event(t, ev, number);
        break;
    case INTAKE_IGNORED:
        report_ignored();
        break;
    case INTAKE_BAD:
        refuse(t, fault, number, column);
        break;
    }
}

void flow_drained(void *arg)
{
    struct tickpub *t = arg;

    tell_tee(t);
    if (t->publisher)
        publisher_flush(t->publisher);
}

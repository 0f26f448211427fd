#include "bargen/source/payload.h"

#include <inttypes.h>

#include "bargen/core/stats.h"
#include "common/base/log.h"

void payload_init(struct payload *p, const struct event_rules *rules)
{
    p->reader = event_reader_new();
    event_reader_by(p->reader, rules);
}

void payload_close(struct payload *p)
{
    event_reader_free(p->reader);
}

/* Where an entry came from, and how far it was read. */
struct reading {
    struct engine *engine;
    struct span from;
    int64_t received_ns;
    unsigned number; /* of the line at hand */
};

static void take_line(struct payload *p, const struct reading *r,
                      struct span line)
{
    enum event_fault fault;
    unsigned column;

    if (line.len == 0)
        return;
    fault = event_read(p->reader, line, &p->event, &column);
    if (fault == EVENT_OK) {
        engine_event(r->engine, &p->event, r->received_ns);
        return;
    }
    stats_bad_entry();
    log_warn("bad_payload",
             "from=%s received_ms=%" PRId64 " line=%u column=%u why=\"%s\"",
             LOG_Q(r->from), r->received_ns / NS_PER_MS, r->number, column,
             event_fault_text(fault));
}

/* Those that a line feed follows. */
static void take_lines(struct payload *p, struct reading *r, struct span lines)
{
    while (lines.len > 0) {
        const struct event *ev = event_reader_next(p->reader, &lines);
        size_t len;

        if (ev) {
            engine_event(r->engine, ev, r->received_ns);
        } else {
            len = (size_t)((const char *)memchr(lines.ptr, '\n', lines.len) -
                           lines.ptr);
            take_line(p, r, span_make(lines.ptr, len));
            lines = span_make(lines.ptr + len + 1, lines.len - len - 1);
        }
        r->number++;
    }
}

void payload_take(struct payload *p, struct engine *e, struct span data,
                  struct span from, int64_t received_ns)
{
    struct reading r = {e, from, received_ns, 1};
    const char *end = data.ptr + data.len;
    const char *lf = data.len > 0 ? memrchr(data.ptr, '\n', data.len) : NULL;

    if (lf) {
        take_lines(p, &r, span_make(data.ptr, (size_t)(lf + 1 - data.ptr)));
        data = span_make(lf + 1, (size_t)(end - lf - 1));
    }
    take_line(p, &r, data);
}

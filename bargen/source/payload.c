#include "bargen/source/payload.h"

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

static void take_line(struct payload *p, struct engine *e, struct span line,
                      int64_t received_ns)
{
    unsigned column;
    enum event_fault fault;

    if (line.len == 0)
        return;
    fault = event_read(p->reader, line, &p->event, &column);
    if (fault == EVENT_OK) {
        engine_event(e, &p->event, received_ns);
        return;
    }
    stats_bad_entry();
    log_debug("bad_payload", "column=%u why=\"%s\"", column,
              event_fault_text(fault));
}

void payload_take(struct payload *p, struct engine *e, struct span data,
                  int64_t received_ns)
{
    const char *at = data.ptr, *end = at + data.len;

    while (at < end) {
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        const char *stop = lf ? lf : end;

        take_line(p, e, span_make(at, (size_t)(stop - at)), received_ns);
        at = stop + 1;
    }
}

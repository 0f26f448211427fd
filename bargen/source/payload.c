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

/* False: it is no event; *why and *column say where and why. */
static bool take_line(struct payload *p, struct engine *e, struct span line,
                      int64_t received_ns, const char **why, unsigned *column)
{
    enum event_fault fault;

    if (line.len == 0)
        return true;
    fault = event_read(p->reader, line, &p->event, column);
    if (fault == EVENT_OK)
        engine_event(e, &p->event, received_ns);
    *why = event_fault_text(fault);
    return fault == EVENT_OK;
}

void payload_take(struct payload *p, struct engine *e, struct span data,
                  struct span from, int64_t received_ns)
{
    const char *at = data.ptr, *end = at + data.len, *why;
    unsigned number = 1, column;

    while (at < end) {
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        const char *stop = lf ? lf : end;

        if (!take_line(p, e, span_make(at, (size_t)(stop - at)), received_ns,
                       &why, &column)) {
            stats_bad_entry();
            log_warn("bad_payload",
                     "from=%s received_ms=%" PRId64
                     " line=%u column=%u why=\"%s\"",
                     LOG_Q(from), received_ns / NS_PER_MS, number, column, why);
        }
        at = stop + 1;
        number++;
    }
}

#include "common/event/event.h"
#include "common/event/event_field.h"
#include "common/event/event_time.h"
#include "common/json/scan.h"

enum { NS_PER_MS = 1000000 };

static void peek_bar(struct span bar, struct event_peek *out)
{
    struct scan_member m = {.at = bar.ptr};
    int64_t ns;

    out->is_bar = true;
    while (scan_member_next(&m, bar.ptr + bar.len)) {
        if (scan_key_is(m.key, "time"))
            out->bar_time_ms =
                event_time_read(m.value, &ns) ? ns / NS_PER_MS : 0;
        else if (scan_key_is(m.key, "final"))
            out->bar_final = span_is(m.value, "true");
    }
}

static void peek_object(const struct event_fields *p, struct event_peek *out)
{
    struct span bar = p->value[FIELD_BAR];

    if (event_fields_have(p, FIELD_SYMBOL))
        out->symbol = p->value[FIELD_SYMBOL];
    if (!event_fields_quoted(p, FIELD_TYPE))
        return;
    /* With escapes it is no type that anybody here knows. */
    out->type = p->value[FIELD_TYPE];
    if (span_is(out->type, "bar") && event_fields_have(p, FIELD_BAR) &&
        bar.ptr[0] == '{' && !event_fields_quoted(p, FIELD_BAR))
        peek_bar(bar, out);
}

bool event_peek(struct span payload, struct event_peek *out)
{
    const char *end = payload.ptr + payload.len, *bad, *stop;
    const char *s = scan_space(payload.ptr, end);
    struct event_fields
        fields; /* big: event_fields_scan() sets what it needs */
    struct event_peek found = {0};

    if (s < end && *s == '{') {
        stop = event_fields_scan(s, end, &fields);
        if (!stop || stop > end || scan_space(stop, end) != end)
            return false;
        peek_object(&fields, &found);
    } else if (!scan_text(payload, &bad)) {
        return false;
    }
    *out = found;
    return true;
}

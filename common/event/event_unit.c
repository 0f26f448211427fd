#include "common/event/event_unit.h"

#include <assert.h>

#include "common/base/line.h"
#include "common/event/event_time.h"
#include "common/json/scan.h"

/* What is copied: all up to `from` is out already. */
struct copy {
    struct bytes *out;
    const char *from;
    enum event_unit unit;
};

static void copy_until(struct copy *c, const char *to)
{
    bytes_add(c->out, c->from, (size_t)(to - c->from));
    c->from = to;
}

/* What is no time in this unit stays as it is: nobody needs it. */
static void convert(struct copy *c, struct span value)
{
    int64_t ns;

    if (event_time_of_event(value, c->unit, &ns) != EVENT_OK)
        return;
    copy_until(c, value.ptr);
    event_time_add_ms(c->out, ns);
    c->from = value.ptr + value.len;
}

static void convert_bar(struct copy *c, struct span bar)
{
    struct scan_member m = {.at = bar.ptr};

    while (scan_member_next(&m, bar.ptr + bar.len))
        if (scan_key_is(m.key, "time") || scan_key_is(m.key, "end"))
            convert(c, m.value);
}

static void convert_event(struct copy *c, const struct event *ev)
{
    const char *end = ev->text.ptr + ev->text.len;
    struct scan_member m = {.at = ev->text.ptr};

    c->from = ev->text.ptr;
    while (scan_member_next(&m, end)) {
        if (scan_key_is(m.key, "time"))
            convert(c, m.value);
        else if (ev->type == EVENT_BAR && scan_key_is(m.key, "bar"))
            convert_bar(c, m.value);
    }
    copy_until(c, end);
}

enum event_fault event_unit_read(const struct event_rules *rules,
                                 struct span line, struct bytes *text,
                                 struct event *ev, unsigned *column)
{
    struct event_rules then = *rules;
    struct copy c = {.out = text, .unit = rules->unit};
    enum event_fault f = event_read_by(rules, line, ev, column);
    unsigned unused;

    if (f != EVENT_OK)
        return f;
    bytes_clear(text);
    convert_event(&c, ev);
    memset(bytes_reserve(text, LINE_PAD), 0, LINE_PAD);
    then.unit = EVENT_UNIT_MS;
    f = event_read_by(&then, bytes_span(text), ev, &unused);
    assert(f == EVENT_OK); /* only a time has changed, into a valid one */
    return f;
}

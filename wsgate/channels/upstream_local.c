/* Messages from standard input: events, or payloads in an envelope. */
#include "common/event/channel_name.h"
#include "common/event/event.h"
#include "common/event/route.h"
#include "common/json/scan.h"
#include "wsgate/channels/upstream_internal.h"

/* name is canonical. */
static bool publish_as(struct upstream *upstream, struct span name,
                       struct span payload, struct err *err)
{
    struct upstream_channel *u;

    if (route_channel_is_internal(name))
        return err_set(err, ERR_INPUT,
                       "'%.*s' has a part that begins with an underscore: such "
                       "names are internal",
                       SPAN_ARG(name));
    u = upstream_channel(upstream, name);
    if (!u)
        return err_set(err, ERR_INPUT, "there are too many channels");
    u->keep = true;
    upstream_deliver(upstream, &u->channel, payload, true);
    return true;
}

static bool publish(struct upstream *upstream, struct span name,
                    struct span payload, struct err *err)
{
    struct bytes canonical;
    const char *why = "it is a pattern";
    bool ok;

    if (channel_name_is_canonical(name)) /* nearly always */
        return publish_as(upstream, name, payload, err);
    bytes_init(&canonical);
    ok = channel_name_read(name, &canonical, &why) &&
         !channel_name_is_pattern(name);
    if (ok)
        ok = publish_as(upstream, bytes_span(&canonical), payload, err);
    else
        err_set(err, ERR_INPUT, "'%.*s' cannot be a channel: %s",
                SPAN_ARG(name), why);
    bytes_close(&canonical);
    return ok;
}

/* {"channel":"x","data":...}: false where it is none.  The text is valid. */
static bool find_envelope(struct span line, struct span *channel,
                          struct span *data)
{
    const char *end = line.ptr + line.len, *s = scan_space(line.ptr, end);
    struct scan_member m = {.at = s};

    *channel = *data = span_make(NULL, 0);
    if (s == end || *s != '{')
        return false;
    while (scan_member_next(&m, end)) {
        if (scan_key_is(m.key, "channel"))
            *channel = m.value;
        else if (scan_key_is(m.key, "data"))
            *data = m.value;
    }
    return channel->len > 0 && data->len > 0;
}

static bool publish_event(struct upstream *upstream, const struct event *ev,
                          struct err *err)
{
    const struct route *r = route_of(upstream->config.routes, ev->type);
    const char *templates[] = {r->channel, r->channel2};
    struct span none = {"", 0};
    bool any = false;

    /* Clients have no use for one; the pipe that it came by may. */
    if (r->bare)
        return true;
    for (int i = 0; i < 2; i++) {
        if (!templates[i] || templates[i][0] == '\0')
            continue;
        bytes_clear(&upstream->name);
        if (!route_expand(templates[i], none, ev, &upstream->name))
            continue;
        if (!publish(upstream, bytes_span(&upstream->name), ev->text, err))
            return false;
        any = true;
    }
    return any || err_set(err, ERR_INPUT, "events of type %s have no channel",
                          event_type_name(ev->type));
}

bool upstream_publish_local(struct upstream *upstream, struct span line,
                            unsigned *column, struct err *err)
{
    struct event ev;
    struct event_peek peek;
    struct span channel, data;
    enum event_fault fault = event_read(upstream->local, line, &ev, column);

    upstream->from_local++;
    if (fault == EVENT_OK)
        return publish_event(upstream, &ev, err);
    if (event_peek(line, &peek) && find_envelope(line, &channel, &data)) {
        *column = 1;
        if (channel.ptr[0] != '"')
            return err_set(err, ERR_INPUT, "channel is not a string");
        return publish(upstream, span_make(channel.ptr + 1, channel.len - 2),
                       data, err);
    }
    upstream->invalid++;
    return err_set(err, ERR_INPUT, "%s", event_fault_text(fault));
}

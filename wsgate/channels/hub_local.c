/* Messages from standard input: events, or payloads in an envelope. */
#include "common/base/line.h"
#include "common/event/event.h"
#include "common/event/route.h"
#include "common/json/json.h"
#include "common/json/scan.h"
#include "wsgate/channels/hub_internal.h"

/* An alert that names a user is that user's: see docs/protocol.md. */
bool hub_alert_is_public(struct span payload)
{
    json_value *root = json_read(payload, NULL);
    bool named = json_member(root, "user_id") != NULL;

    json_free(root);
    return !named;
}

static bool publish(struct hub *hub, struct span name, struct span payload,
                    struct err *err)
{
    struct feed *feed;

    if (!route_channel_ok(name, false))
        return err_set(err, ERR_INPUT, "'%.*s' cannot be a channel",
                       SPAN_ARG(name));
    if (route_channel_is_internal(name))
        return err_set(err, ERR_INPUT,
                       "'%.*s' begins with an underscore: such names are "
                       "internal",
                       SPAN_ARG(name));
    feed = hub_feed(hub, name);
    if (!feed)
        return err_set(err, ERR_INPUT, "there are too many channels");
    feed->keep = true;
    hub_deliver(hub, feed, payload, true);
    return true;
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

static bool publish_event(struct hub *hub, const struct event *ev,
                          struct err *err)
{
    const struct route *r = route_of(hub->gate->routes, ev->type);
    const char *templates[] = {r->channel, r->channel2};
    struct span none = {"", 0};
    bool any = false;

    for (int i = 0; i < 2; i++) {
        if (!templates[i] || templates[i][0] == '\0')
            continue;
        bytes_clear(&hub->name);
        if (!route_expand(templates[i], none, ev, &hub->name))
            continue;
        if (!publish(hub, bytes_span(&hub->name), ev->text, err))
            return false;
        any = true;
    }
    return any || err_set(err, ERR_INPUT, "events of type %s have no channel",
                          event_type_name(ev->type));
}

bool hub_publish_local(struct hub *hub, struct span line, unsigned *column,
                       struct err *err)
{
    struct event ev;
    struct event_peek peek;
    struct span channel, data;
    enum event_fault fault = event_read(line, &ev, column);

    hub->from_local++;
    if (fault == EVENT_OK)
        return publish_event(hub, &ev, err);
    if (event_peek(line, &peek) && find_envelope(line, &channel, &data)) {
        *column = 1;
        if (channel.ptr[0] != '"')
            return err_set(err, ERR_INPUT, "channel is not a string");
        return publish(hub, span_make(channel.ptr + 1, channel.len - 2), data,
                       err);
    }
    hub->invalid++;
    return err_set(err, ERR_INPUT, "%s", event_fault_text(fault));
}

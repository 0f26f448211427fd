/*
 * model_say.h -- what a client asks for.
 */
#pragma once

#include "tests/unit/wsgate/model/model_client.h"

/* One masked frame, with a mask that changes nothing. */
static void visitor_say(struct visitor *v, struct span text)
{
    struct bytes frame = {0};
    char *at = bytes_reserve(&frame, text.len + 14);
    size_t n = ws_text_head(at, text.len);

    at[1] = (char)(at[1] | 0x80);
    memset(at + n, 0, 4);
    memcpy(at + n + 4, text.ptr, text.len);
    frame.len = n + 4 + text.len;
    (void)send(v->fd, frame.ptr, frame.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    trace(number_of(v), NOBODY, "says %.*s", SPAN_ARG(text));
    bytes_close(&frame);
}

static unsigned choose_name(void)
{
    static const char always[] = {0, 0, 1, 4, 5, 6, 10, 19, 19, 20, 21, 23};
    unsigned name =
        chance(35) ? (unsigned)always[draw(sizeof always)] : draw(NAMES);

    if ((model.skipped >> CHECK_FAMILIES & 1) && name >= CHANNELS &&
        strcmp(name_of(name), "bars:*") == 0)
        return CHANNELS;
    return name;
}

static void add_names(struct bytes *text)
{
    unsigned n = 1 + draw(3);

    bytes_add_str(text, ",\"channels\":[");
    for (unsigned i = 0; i < n; i++)
        bytes_printf(text, "%s\"%s\"", i > 0 ? "," : "",
                     name_of(choose_name()));
    bytes_add_str(text, "]}");
}

static void visitor_subscribe(struct visitor *v)
{
    static const uint32_t intervals[] = {50, 250, 1000};
    struct asked *a = &v->asked[++v->requests % REQUESTS];
    unsigned how = draw(10);
    struct bytes text = {0};

    *a = (struct asked){0};
    bytes_printf(&text, "{\"type\":\"subscribe\",\"id\":%" PRIu64, v->requests);
    if (how < 3) {
        a->all = true;
        bytes_add_str(&text, ",\"mode\":\"all\"");
    } else if (how < 5) {
        a->interval_ms = intervals[draw(3)];
        bytes_printf(&text, ",\"interval_ms\":%u", a->interval_ms);
    } else if (how < 7) {
        bytes_add_str(&text, ",\"mode\":\"latest\"");
    }
    add_names(&text);
    visitor_say(v, bytes_span(&text));
    bytes_close(&text);
}

static void visitor_unsubscribe(struct visitor *v)
{
    struct bytes text = {0};

    bytes_printf(&text, "{\"type\":\"unsubscribe\",\"id\":%" PRIu64,
                 ++v->requests);
    add_names(&text);
    visitor_say(v, bytes_span(&text));
    bytes_close(&text);
}

/*
 * Messages from clients: whatever is accepted has its parts within their
 * bounds, is what jansson reads, and answers made of it are JSON.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/event/route.h"
#include "common/json/json.h"
#include "wsgate/channels/message.h"
#include "wsgate/client/command.h"
#include "wsgate/ws/ws_utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_answer(const struct bytes *out)
{
    size_t n = (unsigned char)out->ptr[1] & 127;
    size_t head = n == 126 ? 4 : n == 127 ? 10 : 2;
    json_value *v =
        json_read(span_make(out->ptr + head, out->len - head), NULL);

    assert(json_is_object(v));
    json_free(v);
}

static void check_channels(const struct command *cmd)
{
    struct bytes out;
    struct span since;
    struct message_frame r;

    bytes_init(&out);
    r = message_results_begin(&out, "subscribed", bytes_span(&cmd->id));
    for (size_t i = 0; i < cmd->n_channels; i++) {
        const char *bad;
        struct span asked = command_channel(cmd, i);
        struct span name = command_name(cmd, i, &bad);
        assert((name.len == 0) == (bad != NULL));
        (void)command_since(cmd, i, &since);
        if (!bad)
            message_result_ok(&r, asked, name, "0", i);
        else
            message_result_bad(&r, asked, "bad_channel", bad);
    }
    message_results_end(&r);
    check_answer(&out);
    bytes_close(&out);
}

/* Each text of the array is a channel, where it is there for the first time. */
static void check_array(const struct command *cmd, const json_value *array)
{
    struct span empty = span_make("", 0);
    size_t n = 0;

    for (size_t i = 0; i < json_count(array) && i < 64; i++) {
        struct span asked = empty;
        size_t k = 0;

        (void)json_text(json_item(array, i), &asked);
        while (k < n && !span_eq(command_channel(cmd, k), asked))
            k++;
        assert(k < n || (n < cmd->n_channels &&
                         span_eq(command_channel(cmd, n), asked)));
        n += k == n;
    }
    assert(cmd->n_channels >= n &&
           (json_count(array) > 64 || cmd->n_channels == n));
}

static void check_since(const struct command *cmd, const json_value *since)
{
    for (size_t i = 0; i < cmd->n_channels; i++) {
        struct span asked = command_channel(cmd, i), id, expected;
        char key[ROUTE_NAME_MAX + 1];
        const json_value *v;

        if (asked.len >= sizeof key)
            continue;
        if (asked.len > 0)
            memcpy(key, asked.ptr, asked.len);
        key[asked.len] = '\0';
        v = json_member(since, key);
        if (!v)
            continue;
        assert(command_since(cmd, i, &id));
        expected = span_make("", 0);
        (void)json_text(v, &expected);
        assert(span_eq(id, expected));
    }
}

/* Where jansson reads it, too: it refuses numbers that a double cannot hold. */
static void check_against_jansson(struct span text, const struct command *cmd)
{
    json_value *root = json_read(text, NULL);
    const json_value *channels, *interval = json_member(root, "interval_ms");
    int64_t ms = 0;

    if (!root)
        return;
    assert(json_is_object(root));
    if (cmd->kind == COMMAND_SUBSCRIBE || cmd->kind == COMMAND_UNSUBSCRIBE) {
        assert(!interval || json_int(interval, &ms));
        assert(ms == cmd->interval_ms);
        channels = json_member(root, "channels");
        assert(!channels || json_is_array(channels));
        if (channels)
            check_array(cmd, channels);
        check_since(cmd, json_member(root, "since"));
    }
    json_free(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = span_make((const char *)data, size);
    struct command cmd;
    const char *why = NULL;
    struct bytes out;
    bool ok;

    if (!ws_utf8_ok(text))
        return 0; /* does not get here */
    ok = command_read(text, &cmd, &why);
    assert(ok == (!why));
    if (ok) {
        assert(cmd.interval_ms >= 0 &&
               cmd.interval_ms <= COMMAND_INTERVAL_MAX_MS);
        check_channels(&cmd);
        check_against_jansson(text, &cmd);
    } else if (strstr(why, "not a JSON object") &&
               !memchr(text.ptr, '\0', text.len)) { /* jansson lets some by */
        json_value *root = json_read(text, NULL);

        assert(!json_is_object(root));
        json_free(root);
    }
    bytes_init(&out);
    message_error(&out, bytes_span(&cmd.id), "bad_request", why ? why : "",
                  false);
    check_answer(&out);
    bytes_close(&out);
    command_free(&cmd);
    return 0;
}

/*
 * Messages from clients: whatever is accepted has its parts within their
 * bounds, and answers made of them are JSON.
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
    }
    bytes_init(&out);
    message_error(&out, bytes_span(&cmd.id), "bad_request", why ? why : "",
                  false);
    check_answer(&out);
    bytes_close(&out);
    command_free(&cmd);
    return 0;
}

#include <stdlib.h>

#include "common/event/channel_name.h"
#include "wsgate/http/api_call.h"

/*
 * Symbols with a price or bars, for a page that was just opened and would
 * otherwise have to wait until each of them moves.  Found by their `last:`
 * keys (one a channel, 24 h); without Redis, among the channels that the
 * gateway knows.
 *
 * Collected as NUL-terminated words "AAPL" and "AAPL\x01" "5"; sorting brings
 * the resolutions of a symbol behind it, as \x01 is in no name.
 */

enum { WORDS_MAX = 20000 };

#define MARKET "market_data:"
#define BARS "bars:"

static void add_word(struct api_call *call, struct span symbol,
                     struct span resolution)
{
    if (call->count == WORDS_MAX)
        return;
    call->count++;
    bytes_add_span(&call->text, symbol);
    if (resolution.len > 0) {
        bytes_add(&call->text, "\x01", 1);
        bytes_add_span(&call->text, resolution);
    }
    bytes_add(&call->text, "", 1);
}

static void add_channel(struct api_call *call, struct span channel)
{
    struct span rest = channel;
    size_t cut;

    if (!channel_name_is_canonical(channel) || api_hides(call->api, channel))
        return; /* nobody can subscribe to it */
    if (span_starts(channel, MARKET)) {
        rest.ptr += strlen(MARKET);
        rest.len -= strlen(MARKET);
        add_word(call, rest, span_make("", 0));
    } else if (span_starts(channel, BARS)) {
        rest.ptr += strlen(BARS);
        rest.len -= strlen(BARS);
        for (cut = rest.len; cut > 0 && rest.ptr[cut - 1] != ':';)
            cut--;
        if (cut > 1)
            add_word(call, span_make(rest.ptr, cut - 1),
                     span_make(rest.ptr + cut, rest.len - cut));
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void close_symbol(struct json_writer *json, struct span open)
{
    if (!open.ptr)
        return;
    json_write_array_end(json);
    json_write_object_end(json);
}

/* Sorted words into JSON. */
static void render(const char *const *words, size_t count, bool whole,
                   struct bytes *out)
{
    struct json_writer json = {.out = out};
    struct span open = {0}; /* the symbol that is being written */

    json_write_object(&json, NULL);
    json_write_array(&json, "symbols");
    for (size_t i = 0; i < count; i++) {
        const char *mark = strchr(words[i], '\x01');
        struct span symbol = span_str(words[i]);

        if (i > 0 && strcmp(words[i], words[i - 1]) == 0)
            continue;
        if (mark)
            symbol.len = (size_t)(mark - words[i]);
        if (!open.ptr || !span_eq(symbol, open)) {
            close_symbol(&json, open);
            json_write_object(&json, NULL);
            json_write_span(&json, "symbol", symbol);
            json_write_array(&json, "resolutions");
        }
        if (mark)
            json_write_str(&json, NULL, mark + 1);
        open = symbol;
    }
    close_symbol(&json, open);
    json_write_array_end(&json);
    if (!whole)
        json_write_bool(&json, "truncated", true);
    json_write_object_end(&json);
    bytes_add_str(out, "\n");
}

static void finish(struct api_call *call)
{
    struct api *api = call->api;
    const char **words = mem_alloc((call->count + 1) * sizeof *words);
    const char *word = call->text.ptr;

    for (uint64_t i = 0; i < call->count; i++) {
        words[i] = word;
        word += strlen(word) + 1;
    }
    qsort(words, call->count, sizeof *words, by_text);
    bytes_clear(&api->symbols);
    render(words, call->count, call->scan.whole && call->count < WORDS_MAX,
           &api->symbols);
    free(words);
    api->symbols_until_ms = uv_now(api->config.loop) + API_SYMBOLS_CACHE_MS;
    api_call_json(call, 200, bytes_span(&api->symbols));
}

static void on_key(struct api_call *call, struct span key)
{
    size_t head = strlen(call->api->config.redis_prefix) + strlen("last:");

    if (key.len > head && !memchr(key.ptr, '\0', key.len))
        add_channel(call, span_make(key.ptr + head, key.len - head));
}

static void on_known(void *arg, const struct channel *channel)
{
    add_channel(arg, channel->name);
}

/* SCAN looks at every key of the database: not for each page that opens. */
void api_symbols(struct api_call *call)
{
    struct api *api = call->api;

    if (!api->redis) {
        channels_each(api->config.channels, on_known, call);
        call->scan.whole = true;
        finish(call);
    } else if (uv_now(api->config.loop) < api->symbols_until_ms) {
        api_call_json(call, 200, bytes_span(&api->symbols));
    } else {
        api_scan_start(call, "last:*", on_key, finish);
    }
}

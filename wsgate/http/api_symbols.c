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

static void add_word(struct api_scan *scan, struct span symbol,
                     struct span resolution)
{
    if (scan->count == WORDS_MAX)
        return;
    scan->count++;
    bytes_add_span(&scan->text, symbol);
    if (resolution.len > 0) {
        bytes_add(&scan->text, "\x01", 1);
        bytes_add_span(&scan->text, resolution);
    }
    bytes_add(&scan->text, "", 1);
}

static void add_channel(struct api_scan *scan, struct span channel)
{
    struct span rest = channel;
    size_t cut;

    if (!channel_name_is_canonical(channel) || api_hides(scan->api, channel))
        return; /* nobody can subscribe to it */
    if (span_starts(channel, MARKET)) {
        rest.ptr += strlen(MARKET);
        rest.len -= strlen(MARKET);
        add_word(scan, rest, span_make("", 0));
    } else if (span_starts(channel, BARS)) {
        rest.ptr += strlen(BARS);
        rest.len -= strlen(BARS);
        for (cut = rest.len; cut > 0 && rest.ptr[cut - 1] != ':';)
            cut--;
        if (cut > 1)
            add_word(scan, span_make(rest.ptr, cut - 1),
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

static void finish(struct api_scan *scan)
{
    const char **words = mem_alloc((scan->count + 1) * sizeof *words);
    const char *word = scan->text.ptr;

    for (uint64_t i = 0; i < scan->count; i++) {
        words[i] = word;
        word += strlen(word) + 1;
    }
    qsort(words, scan->count, sizeof *words, by_text);
    bytes_clear(&scan->answer);
    render(words, scan->count, scan->whole && scan->count < WORDS_MAX,
           &scan->answer);
    free(words);
    api_scan_done(scan);
}

static void on_key(struct api_scan *scan, struct span key)
{
    size_t head = strlen(scan->api->config.redis_prefix) + strlen("last:");

    if (key.len > head && !memchr(key.ptr, '\0', key.len))
        add_channel(scan, span_make(key.ptr + head, key.len - head));
}

static void on_known(void *arg, const struct channel *channel)
{
    add_channel(arg, channel->name);
}

static void on_local(struct api_scan *scan)
{
    channels_each(scan->api->config.channels, on_known, scan);
}

const struct api_scan_kind api_symbols_scan = {.tail = "last:*",
                                               .keep_min_ms = 5000,
                                               .keep_max_ms = 5000,
                                               .on_key = on_key,
                                               .on_local = on_local,
                                               .on_keys = finish};

void api_symbols(struct api_call *call)
{
    api_scan_ask(&call->api->scans[API_SCAN_SYMBOLS], call);
}

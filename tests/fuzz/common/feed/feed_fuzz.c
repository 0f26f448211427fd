/*
 * Any bytes as a line of a feed: what comes out is a native event that the
 * strict scanner takes, and what is refused is named.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/line.h"
#include "common/feed/feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t now_ns = INT64_C(1705575045123456789);
    static struct feed_reader *reader;
    char *copy = mem_alloc(size + LINE_PAD);
    struct event ev, again;
    enum event_fault fault = EVENT_OK;
    enum feed_result result;
    struct event_peek peek;
    unsigned column = 0;
    bool json;

    if (size > 0)
        memcpy(copy, data, size);
    memset(copy + size, '"', LINE_PAD);
    reader = reader ? reader : feed_reader_new("binance", NULL);
    json = event_peek(span_make(copy, size), &peek);
    result =
        feed_read(reader, span_make(copy, size), now_ns, &ev, &fault, &column);
    if (result == FEED_EVENT) {
        assert(json && ev.text.len > 0);
        assert(event_read_strict(ev.text, &again, &column) == EVENT_OK);
        assert(again.type == ev.type && again.have == ev.have);
    }
    if (result == FEED_BAD)
        assert(fault != EVENT_OK && column >= 1 && column <= size + 1);
    else
        assert(json);
    free(copy);
    return 0;
}

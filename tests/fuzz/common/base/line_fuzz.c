/*
 * Any bytes in pieces of any size: the reader cuts them as a simple loop over
 * the whole does.  The first two bytes choose the size of the pieces and the
 * longest line.
 */
#include <stdlib.h>

#include "common/base/bytes.h"
#include "common/base/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* "[text]" for a line, "!" for one that is too long. */
static void note(struct bytes *out, const char *text, size_t len, size_t max)
{
    if (len > 0 && text[len - 1] == '\r')
        len--;
    if (len > max) {
        bytes_add_str(out, "!");
        return;
    }
    bytes_add_str(out, "[");
    bytes_add(out, text, len);
    bytes_add_str(out, "]");
}

static void simply(struct bytes *out, const char *text, size_t size, size_t max)
{
    size_t from = 0;

    for (size_t i = 0; i < size; i++) {
        if (text[i] != '\n')
            continue;
        note(out, text + from, i - from, max);
        from = i + 1;
    }
    if (from < size)
        note(out, text + from, size - from, max);
}

static void take(struct line_reader *r, struct bytes *out)
{
    struct span line;

    for (;;) {
        switch (line_next(r, &line)) {
        case LINE_OK:
            bytes_add_str(out, "[");
            bytes_add_span(out, line);
            bytes_add_str(out, "]");
            break;
        case LINE_TOO_LONG:
            bytes_add_str(out, "!");
            break;
        case LINE_MORE:
            return;
        }
    }
}

static void in_pieces(struct bytes *out, const char *text, size_t size,
                      size_t max, size_t piece)
{
    struct line_reader r;
    struct span line;

    line_init(&r, 0, max);
    for (size_t at = 0; at < size;) {
        size_t room, n = size - at < piece ? size - at : piece;
        char *to = line_space(&r, &room);

        if (room == 0)
            abort();
        if (n > room)
            n = room;
        memcpy(to, text + at, n);
        line_filled(&r, n);
        at += n;
        take(&r, out);
    }
    if (line_rest(&r, &line)) {
        bytes_add_str(out, "[");
        bytes_add_span(out, line);
        bytes_add_str(out, "]");
    }
    line_close(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes want, got;

    if (size < 2)
        return 0;
    bytes_init(&want);
    bytes_init(&got);
    simply(&want, (const char *)data + 2, size - 2, data[1]);
    in_pieces(&got, (const char *)data + 2, size - 2, data[1],
              (size_t)data[0] + 1);
    if (!span_eq(bytes_span(&want), bytes_span(&got)))
        abort();
    bytes_close(&want);
    bytes_close(&got);
    return 0;
}

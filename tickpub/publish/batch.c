#include "tickpub/publish/batch.h"

#include <assert.h>
#include <stdlib.h>

enum { FIRST_RECORDS = 64, SEQ_DIGITS = 20 };

struct batch *batch_new(void)
{
    return mem_zero(sizeof(struct batch));
}

void batch_free(struct batch *b)
{
    if (!b)
        return;
    bytes_close(&b->data);
    free(b->records);
    free(b);
}

void batch_clear(struct batch *b)
{
    bytes_clear(&b->data);
    b->count = 0;
    b->events = 0;
    b->next = NULL;
}

size_t batch_bytes(const struct batch *b)
{
    return b->data.len + b->count * sizeof(struct record);
}

static char *put(char *to, const char *from, size_t n)
{
    memcpy(to, from, n);
    return to + n;
}

static char *put_number(char *to, uint64_t value)
{
    char text[SEQ_DIGITS];
    char *p = text + sizeof text;

    do {
        *--p = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return put(to, p, (size_t)(text + sizeof text - p));
}

/* An object without members takes no comma. */
static bool is_empty_object(struct span text)
{
    for (size_t i = 1; i + 1 < text.len; i++) {
        char c = text.ptr[i];

        if (c != ' ' && c != '\t')
            return false;
    }
    return true;
}

struct record *batch_add(struct batch *b, struct span text, struct span src,
                         uint64_t seq)
{
    static const char head[] = ",\"src\":\"", middle[] = "\",\"seq\":";
    struct record *r;
    char *start, *p;

    assert(text.len >= 2 && text.ptr[text.len - 1] == '}');
    assert(b->data.len + text.len < UINT32_MAX / 2);
    start = bytes_reserve(&b->data, text.len + src.len + sizeof head +
                                        sizeof middle + SEQ_DIGITS + 2);
    if (seq == 0) {
        p = put(start, text.ptr, text.len);
    } else {
        size_t skip = is_empty_object(text) ? 1 : 0;

        p = put(start, text.ptr, text.len - 1);
        p = put(p, head + skip, sizeof head - 1 - skip);
        p = put(p, src.ptr, src.len);
        p = put(p, middle, sizeof middle - 1);
        p = put_number(p, seq);
        *p++ = '}';
    }
    *p = '\n';
    if (b->count == b->cap) {
        b->cap = b->cap > 0 ? b->cap * 2 : FIRST_RECORDS;
        b->records = mem_grow(b->records, b->cap * sizeof *b->records);
    }
    r = &b->records[b->count++];
    *r = (struct record){.off = (uint32_t)b->data.len,
                         .len = (uint32_t)(p - start)};
    b->data.len += r->len + 1;
    return r;
}

#include "common/base/buf.h"

#include <assert.h>
#include <stdlib.h>

struct buf *buf_new(const void *data, size_t len)
{
    struct buf *b;

    assert(len <= UINT32_MAX);
    b = malloc(sizeof *b + len);
    if (!b)
        return NULL;
    b->refs = 1;
    b->len = (uint32_t)len;
    if (len > 0)
        memcpy(b->data, data, len);
    return b;
}

struct buf *buf_ref(struct buf *b)
{
    if (b)
        b->refs++;
    return b;
}

struct buf *buf_unref(struct buf *b)
{
    if (b) {
        assert(b->refs > 0);
        if (--b->refs == 0)
            free(b);
    }
    return NULL;
}

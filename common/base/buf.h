/*
 * buf.h -- an immutable message that several holders share by counting.
 *
 * Ownership   buf_new returns one reference; each buf_ref needs its own
 *             buf_unref, which returns NULL: `m = buf_unref(m)`.  Accepts NULL.
 */
#pragma once

#include "common/base/span.h"

struct buf {
    uint32_t refs;
    uint32_t len;
    char data[];
};

struct buf *buf_new(const void *data, size_t len); /* copies; NULL: no memory */
struct buf *buf_ref(struct buf *b);
struct buf *buf_unref(struct buf *b);

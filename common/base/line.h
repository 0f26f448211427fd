/*
 * line.h -- cut a stream of bytes into lines, in place.
 *
 * The reader owns one buffer.  The caller asks where to read to, says how many
 * bytes came, and takes lines until there is none.  A line is a span into the
 * buffer, valid until the next line_space().  At least LINE_PAD readable bytes
 * follow every line, so that scanners may load eight or sixteen bytes at a
 * time.
 *
 * The line feed is not part of the line, nor is a carriage return before it.
 * A line longer than max_len is reported once and skipped to its end without
 * being stored.
 */
#pragma once

#include "common/base/span.h"

enum { LINE_PAD = 64 };

enum line_result {
    LINE_OK,       /* *line holds one line */
    LINE_MORE,     /* no whole line left: read more */
    LINE_TOO_LONG, /* one line over max_len was skipped; ask again */
};

struct line_reader {
    char *buf;
    size_t cap, start, end; /* unread bytes are buf[start..end) */
    size_t scanned;         /* no LF in buf[start..start+scanned) */
    size_t max_len;
    bool skipping;   /* inside a line that is too long */
    uint64_t number; /* of the line last returned, from 1 */
};

/* buf_size is raised to 64 KiB, and so that a line of max_len fits. */
void line_init(struct line_reader *r, size_t buf_size, size_t max_len);
void line_close(struct line_reader *r);
/* Where to read to and how much fits (> 0 after LINE_MORE). */
char *line_space(struct line_reader *r, size_t *room);
void line_filled(struct line_reader *r, size_t n);
enum line_result line_next(struct line_reader *r, struct span *line);
/* What is there of the next line and of those behind it, for who finds the end of
 * a line while reading it; empty inside a line that is too long. */
static inline struct span line_ahead(const struct line_reader *r)
{
    return span_make(r->buf + r->start, r->skipping ? 0 : r->end - r->start);
}
/* The first len bytes of that were so many whole lines. */
static inline void line_taken(struct line_reader *r, size_t len, uint64_t lines)
{
    r->start += len;
    r->scanned = 0;
    r->number += lines;
}
/* At end of input: the last line, if it had no line feed. */
bool line_rest(struct line_reader *r, struct span *line);

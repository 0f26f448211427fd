/*
 * logged.h -- which streams have frames in the log, without a look at each frame.
 *
 * The log is cut into sections of LOGGED_SECTION frames, and a stream is noted
 * once in each section that it has a frame in.  Who is far behind has its streams
 * found by that: tens of thousands of frames may be of a few hundred streams.
 *
 * Pure: no clock, no sockets, no Redis.
 *
 * Ownership   all zero is an empty one; logged_close() frees it
 * Limits      as many entries as the log has frames, at worst
 */
#pragma once

#include "wsgate/fanout/stream.h"

enum { LOGGED_SECTION = 8192 };

struct logged {
    struct {
        uint64_t section;
        uint32_t stream;
    } * at;     /* a ring */
    size_t cap; /* a power of two, or 0 */
    uint64_t head, tail;
};

static inline uint64_t logged_section(uint64_t number)
{
    return number / LOGGED_SECTION + 1; /* 0: a stream without frames */
}

void logged_add(struct logged *l, struct stream *s, uint64_t section,
                uint64_t log_tail);
void logged_close(struct logged *l);

/* s has a frame of this number, newer than all before, in a log that begins at
 * log_tail. */
static inline void logged_note(struct logged *l, struct stream *s,
                               uint64_t number, uint64_t log_tail)
{
    if (s->section != logged_section(number))
        logged_add(l, s, logged_section(number), log_tail);
}

/* The first entry of those that may have frames from this number on; they go on
 * to l->head. */
uint64_t logged_from(const struct logged *l, uint64_t number);
/* The id of the stream of an entry; it may be gone. */
static inline uint32_t logged_stream(const struct logged *l, uint64_t entry)
{
    return l->at[entry & (l->cap - 1)].stream;
}

/*
 * hearing.h -- which stream of a channel a group hears, and by which of its keys.
 *
 * Streams of one root are the same messages in other forms.  A group gets one of
 * them, by the first of its keys that brings one: a name before wildcards, a
 * narrow wildcard before a wide one.  That is worked out from the keys and the
 * patterns that cover the streams when it is asked, and kept nowhere: keys of a
 * group never change, and a pattern that is made later is not among them, so the
 * answer is the same at any time.
 *
 * Pure: no clock, no sockets, no Redis.
 *
 * Limits      an answer costs the streams of the root and the patterns over
 *             them, times the logarithm of the keys; all that is in one list
 */
#pragma once

#include "wsgate/fanout/fanout.h"

struct hearing {
    struct stream *stream; /* NULL: none */
    uint32_t key;          /* index of the key by which it comes */
    uint32_t subscription; /* of that key: id of the stream or of a pattern */
    bool all;
};

/* All patterns that cover streams with the root of s are known from now on: a
 * stream of it may be new. */
void hearing_look(struct fanout *f, struct stream *s);
/* Which of the streams with the root of s. */
struct hearing hearing_of(struct fanout *f, struct keys keys,
                          const struct stream *s);
/* Does it name one of them? */
bool hearing_by_name(struct keys keys, const struct stream *s);
/* May anybody hear s: does a group name it, or have a pattern over it?  Those of
 * the pattern may all hear it otherwise. */
bool hearing_is_wanted(const struct fanout *f, const struct stream *s);
/* Does anybody hear a stream of its root by a pattern? */
bool hearing_is_brought(const struct fanout *f, const struct stream *s);
/* Of groups that hear s. */
uint32_t hearing_members(struct fanout *f, struct stream *s);
/* Calls fn for each of them.  fn must not make or free groups. */
void hearing_each(struct fanout *f, struct stream *s,
                  void (*fn)(void *arg, struct group *g, bool all), void *arg);

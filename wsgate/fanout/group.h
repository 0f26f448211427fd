/*
 * group.h -- clients with equal subscriptions, served as one.
 *
 * What is to be sent in a turn of the loop is worked out once for the group,
 * as a list of byte ranges in which neighbours are merged, and each member only
 * sends it.  Members that did not take everything wait in `slow` until
 * their socket is writable again.
 *
 * Pure: no clock, no sockets, no Redis.
 *
 * Invariants  keys are sorted and distinct; streams[i].stream->links[
 *             streams[i].at] is the link back, and the reverse
 * Ownership   fanout.c makes and frees groups; links point both ways and are
 *             taken down by group_free() and group_unlink_stream()
 */
#pragma once

#include <sys/uio.h>

#include "common/base/table.h"
#include "wsgate/fanout/stream.h"

/*
 * A subscription id is the id of a stream, or that of a pattern: this bit, seven
 * bits of rank and the pattern's place in the fanout's table.  The wider a
 * pattern, the higher its rank.  A subscription key is such an id and the mode,
 * `all` or `latest`, in one number.  Keys of streams sort before keys of
 * patterns, and narrow patterns before wide ones: what several of a group's
 * keys bring comes by the first of them alone.
 */
#define SUBSCRIPTION_PATTERN 0x80000000u
enum { SUBSCRIPTION_RANK_SHIFT = 24, SUBSCRIPTION_RANK_MAX = 127 };

static inline uint32_t subscription_of_pattern(uint32_t at, unsigned rank)
{
    return SUBSCRIPTION_PATTERN | (uint32_t)rank << SUBSCRIPTION_RANK_SHIFT |
           at;
}
static inline uint32_t subscription_pattern_at(uint32_t subscription)
{
    return subscription & ((1u << SUBSCRIPTION_RANK_SHIFT) - 1);
}
static inline uint64_t subscription_key(uint32_t subscription, bool all)
{
    return (uint64_t)subscription << 1 | all;
}
static inline uint32_t key_subscription(uint64_t key)
{
    return (uint32_t)(key >> 1);
}
static inline bool key_all(uint64_t key)
{
    return key & 1;
}

struct member;

struct group_stream {
    struct stream *stream;
    uint32_t at;           /* index in stream->links */
    uint32_t subscription; /* it came by: id of the stream or of a pattern */
    bool all;              /* every message */
};

struct members {
    struct member **at;
    uint32_t count, cap;
};

struct group {
    struct node node; /* by keys */
    uint64_t *keys;   /* of subscriptions */
    uint32_t n_keys;
    uint32_t n_streams, cap_streams;
    struct group_stream *streams;
    struct members fast; /* have taken everything so far */
    struct members slow; /* have not, see backlog.h */
    /* This turn's frames. */
    struct iovec *iov;
    uint32_t n_iov, cap_iov;
    uint32_t turn_frames;
    bool dirty;
    uint64_t turn_first; /* number of the first of them */
    uint64_t turn_bytes, turn_all_bytes;
    struct group *next_dirty;
    /* Of all frames that members were due since the group exists. */
    uint64_t frames, bytes, all_bytes;
    uint64_t covered; /* stamp of the new channel that it got last */
};

enum { GROUP_IOV_MAX = 1024 }; /* what one sendmsg() takes */

struct group *group_new(const uint64_t *keys, uint32_t n_keys);
void group_free(struct group *g);
bool group_equal(const struct node *n, struct span keys);
struct span group_key(const uint64_t *keys, uint32_t n_keys);

void group_link(struct group *g, struct stream *s, uint64_t key);
void group_unlink_stream(struct stream *s); /* from all its groups */

/* One more frame for this turn; false: the list is full, flush first. */
bool group_push(struct group *g, uint64_t number, const char *ptr, size_t len,
                bool all);
void group_turn_done(struct group *g);

void members_add(struct members *list, struct member *m);
void members_remove(struct members *list, struct member *m);

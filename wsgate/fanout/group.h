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
 * A group is linked with what its keys name, streams and patterns, and with
 * nothing else: to make one, and what it takes, goes by its keys, not by the
 * channels that a pattern brings (hearing.h).
 *
 * Invariants  keys are sorted and distinct; the link of keys[i] is at places[i]
 *             of the stream or pattern, and names i
 * Ownership   fanout.c makes and frees groups; the streams and patterns that
 *             they name must outlive them
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

struct fanout;
struct member;

/* Sorted and distinct. */
struct keys {
    const uint64_t *at;
    uint32_t n;
    uint64_t newest; /* when the newest of their patterns was made; 0: none */
};

struct members {
    struct member **at;
    uint32_t count, cap;
};

struct group {
    struct node node; /* by keys */
    uint64_t *keys;   /* of subscriptions */
    uint32_t n_keys;
    uint32_t *places;
    uint64_t newest;     /* as in struct keys */
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
    uint64_t met; /* in the walk over groups with this stamp */
};

enum { GROUP_IOV_MAX = 1024 }; /* what one sendmsg() takes */

struct group *group_new(struct fanout *f, const uint64_t *keys,
                        uint32_t n_keys);
void group_free(struct fanout *f, struct group *g);
bool group_equal(const struct node *n, struct span keys);
struct span group_key(const uint64_t *keys, uint32_t n_keys);

static inline struct keys group_keys(const struct group *g)
{
    return (struct keys){.at = g->keys, .n = g->n_keys, .newest = g->newest};
}

/* Calls fn for each key that is among one of the two only. */
void group_each_change(struct keys a, struct keys b,
                       void (*fn)(void *arg, uint64_t key), void *arg);
/* Is there a pattern among those? */
bool group_patterns_change(struct keys a, struct keys b);
/* And is there one of its family among the others?  If not, what neither names
 * is heard as one of the two, or not at all. */
bool group_patterns_meet(const struct fanout *f, struct keys a, struct keys b);

/* One more frame for this turn; false: the list is full, flush first. */
bool group_push(struct group *g, uint64_t number, const char *ptr, size_t len,
                bool all);
void group_turn_done(struct group *g);

void members_add(struct members *list, struct member *m);
void members_remove(struct members *list, struct member *m);

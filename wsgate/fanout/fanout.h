/*
 * fan.h -- fan-out: frames into the shared log, ranges to groups, groups to
 * members.
 *
 *   char *room = fan_room(f, max);       (write one whole frame there)
 *   fan_add(f, channel, type, key, ...)  (every group that wants it is told)
 *   fan_flush(f)                         (one send per member and turn)
 *
 * A member that takes less than it is sent gets a struct lag (lag.h) and costs
 * nothing more until its socket is writable.  Whatever is said to one member
 * alone (answers, pings) goes through fan_say(), so that it never lands
 * in the middle of a frame.
 *
 * Pure: sockets are behind struct fan_io; tests put a model there.
 *
 * Units       bytes; frame numbers as in framelog.h
 * Invariants  counters: expected = delivered + conflated + dropped + queued,
 *             where queued is what slow members are still owed
 * Ownership   channels, patterns and members are the caller's and must be
 *             removed before they are freed; groups are the fan's
 */
#ifndef WSGATE_FANOUT_FANOUT_H
#define WSGATE_FANOUT_FANOUT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "common/base/bytes.h"
#include "wsgate/fanout/framelog.h"
#include "wsgate/fanout/group.h"
#include "wsgate/fanout/stream.h"
#include "wsgate/fanout/table.h"

struct lag;

struct member {
    struct group *group; /* NULL: no subscriptions */
    struct lag *lag;     /* NULL: it has taken all that was sent to it */
    uint32_t index;      /* in group->fast or group->slow */
    int fd;              /* for fan_io */
};

/* A wildcard: which groups want it and which channels it covers. */
struct pattern {
    uint32_t id; /* with TOPIC_PATTERN */
    struct link *groups;
    uint32_t n_groups, cap_groups;
    struct channel **channels;
    uint32_t n_channels, cap_channels;
};

enum fan_lost {
    FAN_LOST_SOCKET,  /* errnum says why */
    FAN_LOST_SLOW,    /* `all` and too far behind */
    FAN_LOST_ANSWERS, /* does not read its answers */
};

struct fan_io {
    /* One attempt; bytes taken, or -errno. */
    ssize_t (*send)(struct member *m, const struct iovec *iov, unsigned n);
    /* Call fan_resume() when it can take more. */
    void (*want_writable)(struct member *m, bool on);
    /* End m, but free it later.  It is still in its group and leaves it now,
     * here or in the callee. */
    void (*lost)(struct member *m, enum fan_lost why, int errnum);
};

struct fan_limits {
    uint64_t backlog_bytes;     /* of `latest` channels, then conflation */
    uint64_t backlog_all_bytes; /* of `all` channels, then lost */
    uint64_t out_bytes;         /* answers not yet sent, then lost */
};

struct fan_counters {
    uint64_t expected, delivered, conflated;
    uint64_t dropped_closed, dropped_slow; /* owed to members that went */
    uint64_t sends, bytes;
    uint64_t stalls; /* times that a member fell behind */
};

struct mark {
    uint32_t stamp;
    bool all;
    uint64_t from; /* frames before this one are not wanted */
};

/* One frame that a slow member gets. */
struct due {
    uint64_t number;
    const char *ptr;
    uint32_t len;
    bool all;
};

/* A long frame that was cut for a member. */
struct pin {
    uint64_t number;
    struct buf *buf;
};

struct dues {
    struct due *at;
    size_t count, cap;
};

struct fan {
    struct framelog log;
    struct fan_limits limits;
    const struct fan_io *io;
    struct channel **channels; /* by id */
    struct pattern **patterns; /* by id without TOPIC_PATTERN */
    uint32_t n_channels, n_patterns;
    uint32_t *free_ids, n_free_ids, cap_free_ids;
    struct table groups;
    struct group *dirty;
    uint64_t turn_bytes, turn_frames;
    struct fan_counters counters;
    struct bytes gathered; /* ranges of one turn, copied together */
    /* Scratch of conflation.c and lag.c. */
    struct mark *marks; /* by channel id */
    uint32_t n_marks, stamp;
    struct dues dues;
    struct pin *pins;
    uint32_t n_pins;
    struct iovec iov[GROUP_IOV_MAX];
};

void fan_init(struct fan *f, size_t log_size, const struct fan_limits *limits,
              const struct fan_io *io);
void fan_close(struct fan *f);

/* Gives the channel its id; root NULL: it is its own. */
void fan_add_channel(struct fan *f, struct channel *c,
                     const struct channel *root);
/* No member may be subscribed to it by name. */
void fan_remove_channel(struct fan *f, struct channel *c);
void fan_add_pattern(struct fan *f, struct pattern *p);
void fan_remove_pattern(struct fan *f, struct pattern *p);
/* From now on members of p get c as well, once, also if they named it. */
void fan_cover(struct fan *f, struct pattern *p, struct channel *c);

/* Room in the log; max <= framelog_max(&f->log).  May flush. */
char *fan_room(struct fan *f, size_t max);
/* len bytes written there are one frame of c. */
uint64_t fan_add(struct fan *f, struct channel *c, uint16_t type, int64_t key,
                 size_t len, size_t data_at, size_t data_len);
void fan_flush(struct fan *f);

/* Subscriptions of m are now exactly these (sorted, distinct; none: 0).
 * Frames of topics that are new to m and were added before this call are not
 * sent to it.  fan_flush() is done first if needed; a member that is lost in it
 * stays without a group. */
void fan_subscribe(struct fan *f, struct member *m, const uint64_t *keys,
                   uint32_t n_keys);
/* m goes: what it is owed is dropped.  Its unsent answers stay until
 * fan_forget(). */
void fan_leave(struct fan *f, struct member *m);
void fan_forget(struct fan *f, struct member *m);
/* Ends m as fan_io.lost says. */
void fan_lose(struct fan *f, struct member *m, enum fan_lost why, int errnum);
/* To this member alone, whole frames. */
void fan_say(struct fan *f, struct member *m, struct span frames);
/* Its socket can take more. */
void fan_resume(struct fan *f, struct member *m);
/* Nothing at all waits to be sent to m. */
bool fan_is_drained(const struct member *m);
uint64_t fan_queued(const struct fan *f); /* frames owed to slow members */
uint32_t fan_slow_count(const struct fan *f);

#endif

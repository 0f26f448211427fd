/*
 * fanout.h -- one frame in, to every member of every group that wants it.
 *
 * A member that takes less than it is sent gets a struct backlog (backlog.h)
 * and costs nothing more until its socket is writable.  Whatever is meant for
 * one member alone (answers, pings) goes through fanout_send(), so that it
 * never lands in the middle of a frame.
 *
 * Pure: sockets are behind struct fanout_io; tests put a model there.
 *
 * Units       bytes; frame numbers as in framelog.h
 * Invariants  expected = delivered + conflated + dropped + queued, where queued
 *             is what slow members are still owed
 * Ownership   streams, patterns and members are the caller's and must be
 *             removed before they are freed; groups are the fanout's
 */
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include "common/base/bytes.h"
#include "common/base/table.h"
#include "wsgate/fanout/framelog.h"
#include "wsgate/fanout/group.h"
#include "wsgate/fanout/logged.h"
#include "wsgate/fanout/stream.h"
#include "wsgate/fanout/stream_pattern.h"

struct backlog;
struct hearing;

struct member {
    struct group *group;     /* NULL: no subscriptions */
    struct backlog *backlog; /* NULL: it has taken all that was sent to it */
    uint32_t index;          /* in group->fast or group->slow */
    int fd;                  /* for fanout_io */
};

enum fanout_lost {
    FANOUT_LOST_SOCKET,  /* errnum says why */
    FANOUT_LOST_SLOW,    /* `all` and too far behind */
    FANOUT_LOST_ANSWERS, /* does not read its answers */
};

struct fanout_io {
    /* One attempt; bytes taken, or -errno. */
    ssize_t (*send)(struct member *m, const struct iovec *iov, unsigned n);
    /* Call fanout_resume() when it can take more. */
    void (*want_writable)(struct member *m, bool on);
    /* End m, but free it later.  It is still in its group and leaves it before
     * fanout_lose() returns, whether the callee sees to that or not. */
    void (*lost)(struct member *m, enum fanout_lost why, int errnum);
};

struct fanout_limits {
    uint64_t backlog_bytes;     /* of `latest` streams, then conflation */
    uint64_t backlog_all_bytes; /* of `all` streams, then lost */
    uint64_t out_bytes;         /* answers not yet sent: one more is lost */
};

struct fanout_counters {
    uint64_t expected, delivered, conflated;
    uint64_t dropped_closed, dropped_slow; /* owed to members that went */
    uint64_t sends, bytes;
    uint64_t stalls; /* times that a member fell behind */
    /* Slots of symbols that gave way (STREAM_PARTS_MAX): whoever was owed the
     * newest of one did not get it. */
    uint64_t symbols_forgotten;
};

/* A stream as the member being served wants it (conflation.h). */
struct mark {
    uint32_t stamp; /* differs from fanout's: nothing is known yet */
    bool heard, all;
    bool noted;     /* in fanout->recent */
    uint32_t key;   /* index of the key by which it comes */
    uint64_t from;  /* frames before this one are not wanted */
    uint64_t first; /* of those in the log, see fanout_owed.c; 0: none */
};

struct ids {
    uint32_t *at;
    uint32_t n, cap;
};

struct recent {
    struct hearing *at;
    uint32_t n, cap;
};

/* One frame that a slow member gets. */
struct pending_frame {
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

struct pending_frames {
    struct pending_frame *at;
    size_t count, cap;
};

struct fanout {
    struct framelog log;
    struct fanout_limits limits;
    const struct fanout_io *io;
    struct stream **streams; /* by id */
    bool *spoken; /* by id: is a root, and something of it came or was cached */
    struct stream_pattern **patterns; /* by subscription_pattern_at(id) */
    uint32_t n_streams, n_patterns;
    uint64_t last_stamp;
    uint64_t newest;        /* when the newest pattern was made */
    struct stream *evicted; /* streams, the one evicted from last first */
    struct logged logged;
    uint32_t *free_ids, n_free_ids, cap_free_ids;
    struct table groups;
    struct group *dirty;
    uint64_t turn_bytes, turn_frames;
    uint64_t unordered; /* newest frame of a bar with a later one before it */
    /* Appends the frame of s with the `seq` of the other one; NULL: as it is. */
    void (*renumber)(struct bytes *out, const struct stream *s,
                     struct span frame, struct span other);
    /* Covers streams of this root by all patterns that do (pattern.h), and notes
     * that in root->looked.  NULL: they always are. */
    void (*cover)(void *arg, struct stream *root);
    void *cover_arg;
    struct fanout_counters counters;
    struct bytes gathered; /* ranges of one turn, copied together */
    /* Scratch of conflation.c and backlog.c. */
    struct mark *marks; /* by stream id */
    uint32_t n_marks, stamp;
    struct keys marked; /* whose marks they are */
    const struct backlog *marked_backlog;
    struct recent recent;
    struct ids evicted_ids;
    /* Whose `first` the marks hold, as long as nothing else has happened. */
    struct {
        const struct member *member;
        uint64_t head, next;
        uint32_t stamp;
    } firsts;
    struct pending_frames pending;
    struct pin *pins;
    uint32_t n_pins;
    struct iovec iov[GROUP_IOV_MAX];
};

void fanout_init(struct fanout *f, size_t log_size,
                 const struct fanout_limits *limits,
                 const struct fanout_io *io);
void fanout_close(struct fanout *f);

/* Gives the stream its id; root NULL: the stream is its own root. */
void fanout_add_stream(struct fanout *f, struct stream *s, struct stream *root);
/* No member may be subscribed to it other than by a pattern. */
void fanout_remove_stream(struct fanout *f, struct stream *s);
/* rank: how wide it is, up to SUBSCRIPTION_RANK_MAX (group.h). */
void fanout_add_pattern(struct fanout *f, struct stream_pattern *p,
                        unsigned rank);
/* Of a subscription id that is a pattern's. */
struct stream_pattern *fanout_pattern(const struct fanout *f,
                                      uint32_t subscription);
/* Another one than any before. */
uint64_t fanout_stamp(struct fanout *f);
void fanout_remove_pattern(struct fanout *f, struct stream_pattern *p);

/* These keys, with what struct keys says of them. */
struct keys fanout_keys(const struct fanout *f, const uint64_t *keys,
                        uint32_t n_keys);

/* Room in the log; max <= framelog_max(&f->log).  May flush. */
char *fanout_room(struct fanout *f, size_t max);
/* len bytes written there are one frame of s. */
uint64_t fanout_add(struct fanout *f, struct stream *s, uint16_t type,
                    int64_t part, size_t len, size_t data_at, size_t data_len);
/* stream_cache() of a stream that is here. */
void fanout_cache(struct fanout *f, struct stream *s, uint16_t type,
                  int64_t part, struct span payload);
void fanout_flush(struct fanout *f);

/* m's subscriptions are now exactly these keys (subscription_key(); sorted,
 * distinct, of streams with one root one at most; n_keys 0: none).  A stream that m had, by its name or by a pattern,
 * goes on where it was; of one that is new to m, or becomes `all`, it gets only
 * frames added from now on.  Flushes first; a member that is lost in that flush
 * stays without a group. */
void fanout_subscribe(struct fanout *f, struct member *m, const uint64_t *keys,
                      uint32_t n_keys);
/* m leaves its group: what it is owed is dropped.  Its unsent answers stay
 * until fanout_forget(). */
void fanout_leave(struct fanout *f, struct member *m);
void fanout_forget(struct fanout *f, struct member *m);
/* Ends m as fanout_io.lost says. */
void fanout_lose(struct fanout *f, struct member *m, enum fanout_lost why,
                 int errnum);
/* Whole frames to this member alone: answers, for which limits.out_bytes is
 * the bound.  One that comes while less waits is taken, however long: it may
 * be longer than the bound itself. */
void fanout_send(struct fanout *f, struct member *m, struct span frames);
/* The same, whatever waits: close frames, pings.  Their sender bounds them. */
void fanout_notify(struct fanout *f, struct member *m, struct span frames);
/* m gets answers alone until fanout_release(): what comes meanwhile is owed. */
void fanout_hold(struct fanout *f, struct member *m);
void fanout_release(struct fanout *f, struct member *m);
/* Its socket can take more. */
void fanout_resume(struct fanout *f, struct member *m);
/* Every frame before this one was sent to m, or is not to be. */
uint64_t fanout_next(const struct fanout *f, const struct member *m);
/* Number of the first frame of s that m is still to be sent, if no more come; 0:
 * none.  After fanout_flush().  *evicted: it is not in the log any more, but the
 * stream's copy of it, or, in mode `all`, gone and m about to be let go.  Walks
 * the stream's keys, and the log from where m is. */
uint64_t fanout_first_owed(struct fanout *f, const struct member *m,
                           const struct stream *s, bool *evicted);
/* That frame of s, in the log or copied out of it; empty: it is neither. */
struct span fanout_frame(const struct fanout *f, const struct stream *s,
                         uint64_t number);
/* Bytes of frames that m is behind by. */
uint64_t fanout_owed_bytes(const struct member *m);
/* Bytes of answers, and of a short cut frame, that wait to be sent to m. */
size_t fanout_unsent(const struct member *m);
/* No answer and no cut frame waits to be sent to m. */
bool fanout_is_drained(const struct member *m);
uint64_t
fanout_queued(const struct fanout *f); /* frames owed to slow members */
uint32_t fanout_slow_count(const struct fanout *f);

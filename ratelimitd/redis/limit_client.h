/*
 * asker.h -- questions to the Redis function, in batches, with a deadline.
 *
 * What is asked in one loop turn goes out as one FCALL for up to ASKER_BATCH
 * keys.  A question that has no answer in time fails; the answer that comes
 * later is forgotten (it may have charged).  A hole in Redis (no function, no
 * rules) is mended through the keeper and the question asked once more.
 *
 * Ownership   asker_send() takes the ask; every ask comes back exactly once,
 *             through on_verdicts or on_failed, which free it
 */
#ifndef RATELIMITD_REDIS_LIMIT_CLIENT_H
#define RATELIMITD_REDIS_LIMIT_CLIENT_H

#include "ratelimitd/redis/function_sync.h"
#include "ratelimitd/redis/pending_check.h"

enum { ASKER_BATCH = 64, ASKER_OUT_MAX = 8192 };

enum asker_fault {
    ASKER_LATE,  /* no answer in time */
    ASKER_LOST,  /* the link went away */
    ASKER_ERROR, /* Redis answered with an error */
};

struct asker_events {
    void (*on_verdicts)(void *arg, struct ask *a, bool allowed,
                        const struct verdict *verdicts);
    void (*on_failed)(void *arg, struct ask *a, enum asker_fault fault);
    /* Once per call that was not answered in time, before its asks fail. */
    void (*on_late)(void *arg);
};

struct asker;

struct asker *asker_new(uv_loop_t *loop, struct redis_cmd *cmd,
                        struct keeper *keeper, const char *prefix,
                        int64_t timeout_ms, const struct asker_events *events,
                        void *arg);
/* Goes out at the end of this loop turn, or with a full batch. */
void asker_send(struct asker *r, struct ask *a);
size_t asker_out(const struct asker *r); /* questions without an answer yet */
/* The link's callbacks must have come (redis_cmd_close) before. */
void asker_close(struct asker *r);

#endif

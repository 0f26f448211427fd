/*
 * queue.h -- questions from a Redis list, for languages without our function.
 *
 *   RPUSH {prefix}ratelimit:requests '{"rule":"api","key":"alice","cost":1,
 *         "reply":"my:answers","expires_ms":1705575045123,"id":7}'
 *
 * are popped in batches on a link of its own (BLMPOP), asked like any other
 * question, and answered with RPUSH to the reply key, which lives
 * QUEUE_REPLY_MS.  What is older than expires_ms (Unix time) is dropped,
 * uncharged: nobody waits for it any more.
 */
#pragma once

#include "common/app/app.h"
#include "common/redis/redis_cmd.h"
#include "ratelimitd/door/limiter.h"

enum { QUEUE_BATCH = 64, QUEUE_REPLY_MS = 60000, QUEUE_BLOCK_S = 2 };

struct queue;

/* cmd: the link that answers go out on. */
struct queue *queue_new(struct app *app, const struct redis_config *config,
                        struct redis_cmd *cmd, struct limiter *limiter);
/* Pops no more; what was popped is still answered. */
void queue_stop(struct queue *q);
/* Requests that wait for their answer. */
unsigned queue_waiting(const struct queue *q);
void queue_free(struct queue *q);

/*
 * instance.h -- {prefix}instance:{tool}:{id}: "I am running", for status pages.
 *
 * JSON with tool, id, pid, start, time (Unix ms), version and the tool's own
 * members, written every INSTANCE_EVERY_MS, expiring after INSTANCE_EXPIRE_MS,
 * deleted at an orderly stop.  While Redis is away nothing is queued.
 */
#ifndef COMMON_REDIS_INSTANCE_H
#define COMMON_REDIS_INSTANCE_H

#include "common/app/app.h"
#include "common/redis/redis_cmd.h"

enum { INSTANCE_EVERY_MS = 3000, INSTANCE_EXPIRE_MS = 10000 };

struct instance;

/* fill appends `,"ticks":12,...` (or nothing) before the closing brace. */
struct instance *instance_new(struct app *app, struct redis_cmd *cmd,
                              const struct redis_config *config,
                              void (*fill)(void *arg, struct bytes *json),
                              void *arg);
/* Sends the DEL: call it before redis_cmd_close().  Accepts NULL; frees after
 * the close callback. */
void instance_close(struct instance *i);

#endif

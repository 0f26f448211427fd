/*
 * instance.h -- {prefix}instance:{tool}:{id}: "I am running", for status pages.
 *
 * JSON with pid, start, version and the tool's own members, written every 3 s,
 * expiring after 10 s, deleted at an orderly stop.
 */
#ifndef COMMON_INSTANCE_H
#define COMMON_INSTANCE_H

#include "common/app.h"
#include "common/redis_cmd.h"

struct instance;

/* fill appends `,"ticks":12,...` (or nothing) before the closing brace. */
struct instance *instance_new(struct app *app, struct redis_cmd *cmd,
                              const struct redis_config *config,
                              void (*fill)(void *arg, struct bytes *json),
                              void *arg);
/* Queues the DEL; frees after the close callback. */
void instance_close(struct instance *i);

#endif

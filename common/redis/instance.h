/*
 * instance.h -- {prefix}instance:{tool}:{id}: "I am running", for status pages.
 *
 * JSON with tool, id, pid, start, time (Unix ms), version and the tool's own
 * members, written every INSTANCE_EVERY_MS, expiring after INSTANCE_EXPIRE_MS,
 * deleted at an orderly stop.  While Redis is away nothing is queued.
 */
#pragma once

#include "common/json/json_writer.h"
#include "common/redis/redis_cmd.h"

enum { INSTANCE_EVERY_MS = 3000, INSTANCE_EXPIRE_MS = 10000 };

struct instance;

/* Whose entry it is; the texts must outlive the instance. */
struct instance_id {
    const char *tool;
    const char *id;     /* of this run */
    int64_t started_ms; /* Unix */
};

/* fill adds members of the tool's own; NULL: none. */
struct instance *instance_new(uv_loop_t *loop, struct instance_id id,
                              struct redis_cmd *cmd,
                              const struct redis_config *config,
                              void (*fill)(void *arg, struct json_writer *json),
                              void *arg);
/* Sends the DEL: call it before redis_cmd_close().  Accepts NULL; frees after
 * the close callback. */
void instance_close(struct instance *i);

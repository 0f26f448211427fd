/*
 * app_redis.h -- what Redis means for the start and the end of a tool.
 *
 * Start       Redis refuses the user, the password or a command that the tool
 *             cannot do without, before it was ever there: exit status 77.
 *             --require-redis, and not there within APP_REDIS_REQUIRE_MS: 69.
 *             Else it is waited for, or, after app_redis_wait(), worked without.
 * Meanwhile   nothing: the links come back by themselves.
 * Stop        what is on its way has APP_REDIS_FLUSH_MS to arrive where the tool
 *             is patient, else APP_REDIS_NO_LINK_MS; then on_end.
 *
 * The tool says what its links tell it, app_redis_up() and app_redis_down(), of
 * as many links as it has; what "there" means (connected, loaded, subscribed) is
 * its own decision.
 *
 * Units       *_ms milliseconds
 * Ownership   struct app_redis is the tool's and outlives the loop; its timer
 *             is closed by app_redis_close() or before on_end
 * Errors      told to app_fail()
 */
#pragma once

#include <uv.h>

#include "common/app/app.h"
#include "common/redis/redis_config.h"

enum {
    APP_REDIS_REQUIRE_MS = 3000,
    /* Less than APP_DRAIN_MS, so that what is lost can be said. */
    APP_REDIS_FLUSH_MS = 3000,
    /* Everything is often stopped at once, and Redis will not return; a second
     * is enough for one that is just being restarted, and for whoever would
     * lose something by it. */
    APP_REDIS_NO_LINK_MS = 1000,
};

struct app_redis {
    struct app *app;
    const char *url; /* without its password */
    void (*on_without)(void *arg);
    void (*on_end)(void *arg, bool settled);
    void *arg;        /* of whichever is set, never both */
    uv_timer_t timer; /* of the start, then of the stop */
    bool open;        /* the timer is */
    bool was_up, stopping;
    char why[256]; /* of the last failure */
};

/* Where Redis is, from the options and the environment; a usage error if not. */
bool app_redis_config(const struct app *app, struct redis_config *config,
                      struct err *err);

/* url must outlive r: redis_config.display. */
void app_redis_open(struct app_redis *r, struct app *app, const char *url);
/* Without --require-redis: on_without(arg) once, when the first attempt has
 * failed or nothing was heard for wait_ms. */
void app_redis_wait(struct app_redis *r, uint64_t wait_ms,
                    void (*on_without)(void *arg), void *arg);
/* Redis is there (again).  True: for the first time, and there is work to
 * begin; false too while it stops. */
bool app_redis_up(struct app_redis *r);
/* why is copied; refused: by Redis itself, not by the network. */
void app_redis_down(struct app_redis *r, const char *why, bool refused);
/* A word for /health. */
const char *app_redis_word(bool off, bool connected);

/* on_end(arg, settled) once: true from app_redis_settled(), false when the time
 * is over.  patient: something would be lost that the link can still take. */
void app_redis_stop(struct app_redis *r, bool patient,
                    void (*on_end)(void *arg, bool settled), void *arg);
/* Everything has arrived; arg is the struct app_redis.  Without effect after
 * on_end. */
void app_redis_settled(void *arg);
/* Where nothing is waited for.  Accepts what was never opened, or is closed. */
void app_redis_close(struct app_redis *r);

/*
 * redis_config.h -- where Redis is: URL, environment of existing deployments.
 *
 * Order: --redis, REDIS_URL, then REDIS_HOST REDIS_PORT REDIS_PASSWORD
 * REDIS_DB, then redis://127.0.0.1:6379/0.  Prefix: --prefix, REDIS_KEY_PREFIX,
 * "". ENABLE_REDIS_SCALING=false means --no-redis (app_options.c).
 *   redis://[user[:password]@]host[:port][/db]   redis://:password@host
 *   unix:///path[?db=N]  unix://user:password@/path
 * User, password and path are percent-decoded.  A URL that names a user and no
 * password takes REDIS_PASSWORD, so that the secret need not stand in argv.
 *
 * Secrets never appear in logs or errors: print `display`.
 */
#pragma once

#include "common/base/err.h"
#include "common/base/span.h"

struct redis_config {
    char host[256];
    uint16_t port;
    char path[108]; /* unix socket; empty: TCP */
    char user[128];
    char password[512];
    int db;
    char prefix[64];
    char display[320];          /* the URL without its password */
    char client_name[64];       /* CLIENT SETNAME: tool:instance */
    int64_t retry_base_ms;      /* REDIS_RETRY_DELAY ("50" or "50ms"), 50 */
    int64_t retry_max_ms;       /* 2,000, or the base where that is longer */
    int64_t max_retries;        /* REDIS_MAX_RETRIES: doublings, 0: no bound */
    int64_t connect_timeout_ms; /* 2,000, also for the handshake */
    int64_t idle_ping_ms;       /* 3,000 */
    int64_t pong_timeout_ms;    /* 3,000 */
    /* A replica will do: READONLY and MASTERDOWN are errors of one command, not
     * signs of the wrong server.  For who writes nothing that matters. */
    bool replica_ok;
};

/* Fills everything but client_name and replica_ok (false).  url is what --redis says and prefix what
 * --prefix says, or NULL.  Usage errors name the variable or flag that was
 * wrong. */
bool redis_config_read(struct redis_config *c, const char *url,
                       const char *prefix, struct err *err);
/* Parses one URL into c (host, port, path, user, password, db, display). */
bool redis_config_url(struct redis_config *c, const char *url, struct err *err);

/*
 * redis_handshake.h -- AUTH, SELECT, CLIENT SETNAME, PING and their answers.
 *
 * Sent in one write.  The PING is there for its errors: a server that is still
 * loading, or a replica without its master, accepts the others.  Where a
 * replica will do, the latter is let in: what is published there arrives.
 * Pure: bytes out, replies in.
 */
#pragma once

#include "common/base/bytes.h"
#include "common/redis/redis_config.h"
#include "common/redis/redis_reply.h"

enum redis_handshake_result {
    REDIS_HANDSHAKE_MORE,
    REDIS_HANDSHAKE_DONE,
    REDIS_HANDSHAKE_RETRY,  /* not now */
    REDIS_HANDSHAKE_REFUSED /* not with this user, password or database */
};

struct redis_handshake {
    const char *step[4]; /* as they were sent; the last one is PING */
    unsigned needed;     /* so many of them, AUTH and SELECT, must not fail */
    unsigned count, at;
    bool replica_ok;
    char why[256]; /* after RETRY and REFUSED */
};

/* name is the connection's, as CLIENT LIST shows it. */
void redis_handshake_begin(struct redis_handshake *h,
                           const struct redis_config *config, const char *name,
                           struct bytes *out);
enum redis_handshake_result redis_handshake_reply(struct redis_handshake *h,
                                                  const struct redis_reply *r);

#include "common/redis/redis_handshake.h"

#include <assert.h>
#include <stdio.h>

#include "common/redis/redis_resp.h"

static void add_step(struct redis_handshake *h, const char *name)
{
    assert(h->count < sizeof h->step / sizeof h->step[0]);
    h->step[h->count++] = name;
}

static void add_auth(const struct redis_config *config, struct bytes *out)
{
    bool user = config->user[0] != '\0';

    resp_array(out, user ? 3 : 2);
    resp_bulk_str(out, "AUTH");
    if (user)
        resp_bulk_str(out, config->user);
    resp_bulk_str(out, config->password);
}

void redis_handshake_begin(struct redis_handshake *h,
                           const struct redis_config *config, const char *name,
                           struct bytes *out)
{
    *h = (struct redis_handshake){.replica_ok = config->replica_ok};
    if (config->password[0] != '\0' || config->user[0] != '\0') {
        add_auth(config, out);
        add_step(h, "AUTH");
    }
    if (config->db != 0) {
        resp_array(out, 2);
        resp_bulk_str(out, "SELECT");
        resp_bulk_int(out, config->db);
        add_step(h, "SELECT");
    }
    h->needed = h->count;
    if (name[0] != '\0') {
        resp_array(out, 3);
        resp_bulk_str(out, "CLIENT");
        resp_bulk_str(out, "SETNAME");
        resp_bulk_str(out, name);
        add_step(h, "CLIENT SETNAME");
    }
    resp_array(out, 1);
    resp_bulk_str(out, "PING");
    add_step(h, "PING");
}

static enum redis_handshake_result fail(struct redis_handshake *h,
                                        enum redis_handshake_result result,
                                        const struct redis_reply *r)
{
    snprintf(h->why, sizeof h->why, "%s: %.*s", h->step[h->at],
             r->str.len > 200 ? 200 : (int)r->str.len, r->str.ptr);
    return result;
}

static enum redis_handshake_result judge(struct redis_handshake *h,
                                         const struct redis_reply *r)
{
    bool needed = h->at < h->needed, ping = h->at + 1 == h->count;

    switch (redis_error_of(r->str)) {
    case REDIS_ERR_REFUSED:
        /* A user may go without CLIENT and PING; only to be nobody at all is
         * final. */
        if (!needed && span_starts(r->str, "NOPERM"))
            return REDIS_HANDSHAKE_MORE;
        return fail(h, REDIS_HANDSHAKE_REFUSED, r);
    case REDIS_ERR_RESOLVE:
        if (ping && h->replica_ok)
            return REDIS_HANDSHAKE_MORE;
        return fail(h, REDIS_HANDSHAKE_RETRY, r);
    case REDIS_ERR_RETRY:
    case REDIS_ERR_REPORT:
    case REDIS_ERR_CLUSTER:
    case REDIS_ERR_NOSCRIPT:
        return fail(h, REDIS_HANDSHAKE_RETRY, r);
    case REDIS_ERR_OTHER:
        break;
    }
    /* An old server, or a name with a blank: life goes on without a name. */
    if (!needed && !ping && span_starts(r->str, "ERR "))
        return span_starts(r->str, "ERR max number of clients")
                   ? fail(h, REDIS_HANDSHAKE_RETRY, r)
                   : REDIS_HANDSHAKE_MORE;
    /* "ERR AUTH called without any password configured", "ERR DB index is out
     * of range": trying again does not help. */
    if (needed && !span_starts(r->str, "ERR max number of clients") &&
        span_starts(r->str, "ERR "))
        return fail(h, REDIS_HANDSHAKE_REFUSED, r);
    return fail(h, REDIS_HANDSHAKE_RETRY, r);
}

enum redis_handshake_result redis_handshake_reply(struct redis_handshake *h,
                                                  const struct redis_reply *r)
{
    enum redis_handshake_result result = REDIS_HANDSHAKE_MORE;

    assert(h->at < h->count);
    if (r->type == REDIS_ERROR_REPLY) {
        result = judge(h, r);
    } else if (r->type != REDIS_STATUS) {
        snprintf(h->why, sizeof h->why, "protocol error in the handshake");
        result = REDIS_HANDSHAKE_RETRY;
    }
    if (result != REDIS_HANDSHAKE_MORE)
        return result;
    h->at++;
    return h->at == h->count ? REDIS_HANDSHAKE_DONE : REDIS_HANDSHAKE_MORE;
}

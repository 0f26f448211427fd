/*
 * api_call.h -- one request under way, answered once, now or later.
 *
 * Ownership   api_call_new() makes it; it frees itself when it was answered
 *             and nothing that was asked for it, of Redis or of the rate
 *             limit, is due any more.  After api_call_answer() the caller must
 *             not touch it.
 */
#pragma once

#include "common/base/bytes.h"
#include "common/base/timeout_queue.h"
#include "common/http/http.h"
#include "common/json/json_writer.h"
#include "common/redis/redis_cmd.h"
#include "wsgate/http/api.h"
#include "wsgate/http/api_range.h"
#include "wsgate/http/api_scan.h"
#include "wsgate/http/api_share.h"
#include "wsgate/http/api_target.h"

struct page;
struct api_limit;

enum { API_SCAN_SYMBOLS, API_SCAN_INSTANCES, API_SCANS };

struct api {
    struct api_config config;
    struct redis_cmd *redis; /* NULL: --no-redis */
    struct page *page;
    struct api_limit *limit; /* NULL: --no-limit */
    struct timeout_queue timeouts;
    struct table shares; /* of addresses */
    struct api_scan scans[API_SCANS];
    uv_idle_t answers;        /* active while there are some to send */
    uint64_t published;       /* events that Redis took from here */
    uint64_t refused_said_ms; /* clock_mono_ms() of the last log line, or 0 */
    bool stopping;
};

struct api_call {
    struct timeout timeout; /* first */
    struct api *api;
    struct http_conn *conn;  /* referenced */
    struct api_share *share; /* that counts it; NULL: none */
    struct api_target target;
    struct api_range range; /* of bars */
    char headers[640];      /* whole lines, for the answer */
    unsigned awaited;       /* answers to what was asked for it */
    bool answered;
    bool full;             /* for an operator: see enum api_status */
    struct api_scan *scan; /* that it waits for, or NULL; the others that do */
    struct api_call *scan_prev, *scan_next;
    struct bytes text; /* collected on the way */
};

/* Must nobody hear of the channel, not even that there is one? */
bool api_hides(const struct api *api, struct span channel);

struct api_call *api_call_new(struct api *api, struct http_conn *conn,
                              const struct api_target *target);
void api_call_json(struct api_call *call, int status, struct span json);
void api_call_answer(struct api_call *call, int status, const char *type,
                     struct span body);
/* {"error":code,"message":message} */
void api_call_error(struct api_call *call, int status, const char *code,
                    const char *message);
/* The same for a request that is no call yet. */
void api_error(struct http_conn *conn, int status, const char *extra,
               const char *code, const char *message);

/* Something is asked for the call, which may be answered before that comes: it
 * is kept until api_call_came(). */
void api_call_await(struct api_call *call);
/* First thing when it has come; false: the call is over, and may be gone. */
bool api_call_came(struct api_call *call);

/* Why something was not had of Redis. */
struct api_fault {
    const char *code;
    char message[256];
    char brief[64]; /* what the public is told; "": the message */
};

/* Begin a command whose reply goes to fn with arg; false: *why. */
bool api_redis_begin(struct api *api, unsigned argc, redis_reply_fn *fn,
                     void *arg, const char **why);
/* False: the link was lost, or the reply is an error. */
bool api_reply_ok(struct api *api, const struct redis_reply *reply,
                  struct api_fault *fault);
/* 503 */
void api_call_fault(struct api_call *call, const struct api_fault *fault);

/* Begin a command whose reply goes to fn with call as its argument; false: the
 * call was answered with 503, as Redis is not there. */
bool api_call_redis(struct api_call *call, unsigned argc, redis_reply_fn *fn);
/* First thing in such an fn: false where the call is over, or has just been
 * answered because the link was lost or the reply is an error. */
bool api_call_reply(struct api_call *call, const struct redis_reply *reply);
/* One argument: {prefix} a b c, of which b and c may be "". */
void api_call_key(struct api_call *call, const char *a, const char *b,
                  const char *c);

/* The endpoints that need Redis: api_price.c, api_bars.c, api_instances.c,
 * api_symbols.c, api_publish.c. */
void api_price(struct api_call *call);
void api_bars(struct api_call *call);
void api_instances(struct api_call *call);
void api_symbols(struct api_call *call);
extern const struct api_scan_kind api_symbols_scan, api_instances_scan;
void api_publish_test(struct api_call *call);
/* Those that do not: api_status.c. */
void api_ws_status(struct api_call *call);
void api_redis_status(struct api_call *call);

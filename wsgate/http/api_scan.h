/*
 * api_scan.h -- what a search through the keys of Redis found, for all who ask.
 *
 * SCAN looks at every key of the database, so of each kind at most one runs,
 * whoever asks.  A request that comes while it does waits for its result; one
 * that comes soon after it gets the same.  A result is kept for four times as
 * long as the search took, within the bounds of its kind: so one client that
 * asks all the time takes a fifth of the time of Redis at most.  A search goes on when those who asked have
 * gone: the next who ask will have its result.
 *
 * Bounds      API_SCAN_WAITING_MAX requests wait for one result, and beside them
 *             those of the --admin address, which bounds them; they are
 *             answered for API_SCAN_TURN_US in a turn of the loop, the others
 *             in the next
 * Ownership   part of struct api; requests take themselves out of it when they
 *             are answered otherwise (api_scan_leave)
 */
#pragma once

#include "common/base/bytes.h"
#include "common/redis/redis_cmd.h"

enum { API_SCAN_WAITING_MAX = 1024, API_SCAN_TURN_US = 1000 };

struct api;
struct api_call;
struct api_scan;

struct api_scan_kind {
    const char *tail; /* of the pattern, behind the prefix: "last:*" */
    unsigned keep_min_ms, keep_max_ms;
    void (*on_key)(struct api_scan *scan, struct span key);
    /* Without Redis, in the place of all on_key(); NULL: 503. */
    void (*on_local)(struct api_scan *scan);
    /* All keys are there: calls api_scan_done(), now or later. */
    void (*on_keys)(struct api_scan *scan);
};

struct api_scan {
    const struct api_scan_kind *kind;
    struct api *api;
    struct bytes pattern;
    bool running;
    bool whole; /* all keys were seen */
    unsigned rounds;
    uint64_t began_ms;
    struct bytes text; /* collected on the way */
    uint64_t count;    /* of what is in text */
    struct bytes answer;
    struct bytes full;      /* the answer for operators; empty: the same */
    uint64_t until_ms;      /* of both; 0: there is none */
    struct api_call *first; /* that waits, and the last */
    struct api_call *last;
    unsigned waiting;
};

void api_scan_init(struct api_scan *scan, const struct api_scan_kind *kind,
                   struct api *api);
void api_scan_close(struct api_scan *scan);
/* Answers call from what is known, or when the search has ended. */
void api_scan_ask(struct api_scan *scan, struct api_call *call);
/* The call is over. */
void api_scan_leave(struct api_call *call);
/* scan->answer is complete. */
void api_scan_done(struct api_scan *scan);
/* A command of the search; false: all who wait were answered with 503. */
bool api_scan_redis(struct api_scan *scan, unsigned argc, redis_reply_fn *fn);
/* First thing in such an fn; false: the search has failed, and all who wait
 * were told why. */
bool api_scan_reply(struct api_scan *scan, const struct redis_reply *reply);

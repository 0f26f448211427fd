/*
 * redis_reply.h -- a RESP2 reply, read with hiredis's redisReader.
 *
 * Object functions of our own put replies into memory that is reused, so that a
 * message costs no malloc.  A reply is valid until the callback that was given
 * it returns.  At least LINE_PAD readable bytes follow each string, so that an
 * event is scanned where it lies.
 */
#pragma once

#include "common/base/span.h"

enum redis_reply_type {
    REDIS_STRING,
    REDIS_STATUS,
    REDIS_ERROR_REPLY,
    REDIS_INTEGER,
    REDIS_NIL_REPLY,
    REDIS_ARRAY
};

struct redis_reply {
    enum redis_reply_type type;
    struct span str;          /* STRING, STATUS, ERROR_REPLY */
    int64_t integer;          /* INTEGER */
    struct redis_reply *item; /* ARRAY: count of them, contiguous */
    size_t count;
};

struct redis_parser;

struct redis_parser *redis_parser_new(void);
void redis_parser_free(struct redis_parser *p);
/* For a new connection: forget the beginning of a reply. */
void redis_parser_reset(struct redis_parser *p);
/* At least LINE_PAD readable bytes must follow data (any values).  Calls
 * on_reply for each whole reply.  False: protocol error (why is the
 * parser's text); the link must be dropped.  on_reply returns false to stop: the
 * rest of the bytes is lost, and the parser wants a reset.  on_reply must not
 * free the parser. */
bool redis_parser_feed(struct redis_parser *p, const char *data, size_t len,
                       bool (*on_reply)(void *arg, const struct redis_reply *r),
                       void *arg, const char **why);

/* First word of an error reply decides what to do. */
enum redis_error {
    REDIS_ERR_OTHER,
    REDIS_ERR_RETRY,    /* LOADING, TRYAGAIN, BUSY */
    REDIS_ERR_RESOLVE,  /* READONLY, MASTERDOWN: drop and resolve again */
    REDIS_ERR_NOSCRIPT, /* NOSCRIPT, or "ERR Function not found" */
    REDIS_ERR_REPORT,   /* OOM, MISCONF, NOREPLICAS */
    REDIS_ERR_REFUSED,  /* NOAUTH, WRONGPASS, NOPERM */
    REDIS_ERR_CLUSTER,  /* MOVED, ASK, CLUSTERDOWN */
};
enum redis_error redis_error_of(struct span text);

/*
 * request.h -- one request of the Redis queue: a question, where its answer
 * goes, and until when somebody waits for it.
 */
#pragma once

#include "ratelimitd/limit/question.h"

enum { REQUEST_REPLY_MAX = 256 };

struct request {
    struct question question;
    char reply[REQUEST_REPLY_MAX]; /* key; bytes, reply_len of them */
    size_t reply_len;
    int64_t expires_ms; /* Unix time */
};

/* False: err says why; reply_len > 0 where the answer can say so. */
bool request_read(struct request *r, struct span text, struct err *err);

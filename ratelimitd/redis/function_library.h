/*
 * function_library.h -- the function library in Redis beside our own.
 *
 * Pure: it reads an answer to FUNCTION LIST LIBRARYNAME ... WITHCODE.
 */
#pragma once

#include "common/redis/redis_reply.h"

#define FUNCTION_LIBRARY "tickwire_limit"

enum function_library_state {
    FUNCTION_SAME,  /* to the byte */
    FUNCTION_STALE, /* missing, older, or of our version but not our text */
    FUNCTION_NEWER, /* of a later release: left alone */
};

/* The library's text in the answer; empty: it is not there. */
struct span function_library_code(const struct redis_reply *reply);
/* N of "local VERSION = N"; 0: none. */
long function_library_version(struct span code);
enum function_library_state function_library_state(struct span theirs,
                                                   struct span ours);

/*
 * function_text.h -- function.lua, made an array by scripts/ratelimitd.mk.
 */
#ifndef RATELIMITD_REDIS_FUNCTION_TEXT_H
#define RATELIMITD_REDIS_FUNCTION_TEXT_H

#include <stddef.h>

extern const char function_text[]; /* with a NUL at the end */
extern const size_t function_text_len;

#endif

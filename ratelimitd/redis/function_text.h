/*
 * function_text.h -- function.lua, made an array by scripts/ratelimitd.mk.
 */
#pragma once

#include <stddef.h>

extern const char function_text[]; /* with a NUL at the end */
extern const size_t function_text_len;

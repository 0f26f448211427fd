/*
 * fake_log.h -- the log of a fuzz target.
 *
 * Takes the place of common/base/log.c: every line of every level is made, so that
 * each of its values is read, and forgotten.
 */
#pragma once

#include <stdarg.h>
#include <stdio.h>

#include "common/base/log.h"

enum log_level log_last_level = LOG_LEVEL_DEBUG;

static char fake_log_line[LOG_LINE_MAX];

void log_init(const char *tool, enum log_level level)
{
    (void)tool;
    (void)level;
}

void log_say(enum log_level level, const char *ev, const char *fmt, ...)
{
    va_list args;

    (void)level;
    (void)ev;
    va_start(args, fmt);
    vsnprintf(fake_log_line, sizeof fake_log_line, fmt, args);
    va_end(args);
}

void log_tick(void)
{
}

void log_flush(void)
{
}

const char *log_quote(struct log_quote *room, struct span value)
{
    snprintf(room->text, sizeof room->text, "\"%.*s\"", SPAN_ARG(value));
    return room->text;
}

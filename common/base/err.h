/*
 * err.h -- one error, said once, where its cause is known.
 *
 * A function that can fail returns bool and takes `struct err *err` last; its
 * other out-parameters are untouched when it returns false.  The text names
 * the object and the remedy and carries no tool name and no newline: app_exit()
 * and option parsing put "tool: " in front.  NULL is accepted for err.
 */
#pragma once

#include <stdbool.h>

/* Values are the exit statuses (sysexits.h) that the error leads to. */
enum err_code {
    ERR_NONE = 0,
    ERR_USAGE = 64,   /* bad option, bad URL */
    ERR_INPUT = 65,   /* bad input under --strict */
    ERR_PEER = 69,    /* a peer is missing (--require-redis) */
    ERR_SYSTEM = 71,  /* out of memory, port in use, system call failed */
    ERR_OUTPUT = 74,  /* standard output lost */
    ERR_REFUSED = 77, /* refused by Redis: AUTH, ACL */
    ERR_CONFIG = 78,  /* bad rules or routes file */
};

struct err {
    enum err_code code;
    char text[512];
};

/* Always returns false, so that `return err_set(...)` reads well.  The first
 * error wins: a set err is not overwritten. */
bool err_set(struct err *err, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with ": strerror(errnum)" at the end. */
bool err_errno(struct err *err, enum err_code code, int errnum, const char *fmt,
               ...) __attribute__((format(printf, 4, 5)));

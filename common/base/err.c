#include "common/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
    va_list ap;

    if (!err || err->code != ERR_NONE)
        return false;
    err->code = code;
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    return false;
}

bool err_errno(struct err *err, enum err_code code, int errnum, const char *fmt,
               ...)
{
    va_list ap;
    size_t n;

    if (!err || err->code != ERR_NONE)
        return false;
    err->code = code;
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    n = strlen(err->text);
    snprintf(err->text + n, sizeof err->text - n, ": %s", strerror(errnum));
    return false;
}

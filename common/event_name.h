/*
 * event_name.h -- the letters of symbols and of other names in channels.
 *
 * Letters, digits and ._/-@+#.  A colon parts channel names, a * is a wildcard
 * in them, and the other signs mean something to Redis patterns or to URLs.
 */
#ifndef COMMON_EVENT_NAME_H
#define COMMON_EVENT_NAME_H

#include <stdbool.h>

#include "common/event.h"

static inline bool event_name_letter(char c)
{
    unsigned char u = (unsigned char)c;

    /* - . / and digits are one run, and so are @ and the capitals. */
    return (u >= '-' && u <= '9') || (u >= '@' && u <= 'Z') ||
           (u >= 'a' && u <= 'z') || u == '_' || u == '#' || u == '+';
}

static inline bool event_name_ok(struct span name)
{
    if (name.len == 0 || name.len > EVENT_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!event_name_letter(name.ptr[i]))
            return false;
    return true;
}

#endif

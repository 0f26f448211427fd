#include "ratelimitd/limit/json_line.h"

/* Past the string whose first quote is at i; *inner gets what is between. */
static size_t skip_string(struct span text, size_t i, struct span *inner)
{
    size_t from = ++i;

    while (i < text.len && text.ptr[i] != '"')
        i += text.ptr[i] == '\\' ? 2 : 1;
    if (i > text.len)
        i = text.len;
    *inner = span_make(text.ptr + from, i - from);
    return i;
}

/* A string is a member's name when a colon follows. */
static bool colon_next(struct span text, size_t i)
{
    for (i++; i < text.len; i++)
        if (text.ptr[i] != ' ' && text.ptr[i] != '\t' && text.ptr[i] != '\n' &&
            text.ptr[i] != '\r')
            return text.ptr[i] == ':';
    return false;
}

int json_line_of(struct span text, int depth, unsigned index, const char *name)
{
    int line = 1, found = 0, at_depth = 0;
    unsigned seen = 0;
    bool inside = false;

    for (size_t i = 0; i < text.len; i++) {
        struct span inner;
        switch (text.ptr[i]) {
        case '\n':
            line++;
            break;
        case '{':
            if (++at_depth == depth && seen++ == index) {
                inside = true;
                found = line;
            }
            break;
        case '}':
            if (at_depth-- == depth && inside)
                return found;
            break;
        case '"':
            i = skip_string(text, i, &inner);
            if (inside && at_depth == depth && name && span_is(inner, name) &&
                colon_next(text, i))
                return line;
            break;
        default:
            break;
        }
    }
    return found ? found : line;
}

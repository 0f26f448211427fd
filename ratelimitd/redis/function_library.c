#include "ratelimitd/redis/function_library.h"

long function_library_version(struct span code)
{
    static const char mark[] = "local VERSION = ";
    const char *at =
        code.len ? memmem(code.ptr, code.len, mark, sizeof mark - 1) : NULL;
    long n = 0;

    if (!at)
        return 0;
    for (at += sizeof mark - 1;
         at < code.ptr + code.len && *at >= '0' && *at <= '9' && n < 1000000;
         at++)
        n = n * 10 + (*at - '0');
    return n;
}

/* [[library_name, .., .., library_code, TEXT]] or [] */
struct span function_library_code(const struct redis_reply *reply)
{
    if (reply->type != REDIS_ARRAY || reply->count == 0 ||
        reply->item[0].type != REDIS_ARRAY)
        return span_make(NULL, 0);
    reply = &reply->item[0];
    for (size_t i = 0; i + 1 < reply->count; i += 2)
        if (span_is(reply->item[i].str, "library_code"))
            return reply->item[i + 1].str;
    return span_make(NULL, 0);
}

enum function_library_state function_library_state(struct span theirs,
                                                   struct span ours)
{
    if (function_library_version(theirs) > function_library_version(ours))
        return FUNCTION_NEWER;
    return span_eq(ours, theirs) ? FUNCTION_SAME : FUNCTION_STALE;
}

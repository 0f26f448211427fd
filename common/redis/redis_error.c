#include "common/redis/redis_reply.h"

/* First words, from the server's source and from commands that failed on
 * purpose in the tests. */
static const struct {
    const char *word;
    enum redis_error class;
} table[] = {
    {"LOADING", REDIS_ERR_RETRY},       {"TRYAGAIN", REDIS_ERR_RETRY},
    {"BUSY", REDIS_ERR_RETRY},          {"READONLY", REDIS_ERR_RESOLVE},
    {"MASTERDOWN", REDIS_ERR_RESOLVE},  {"NOSCRIPT", REDIS_ERR_NOSCRIPT},
    {"OOM", REDIS_ERR_REPORT},          {"MISCONF", REDIS_ERR_REPORT},
    {"NOREPLICAS", REDIS_ERR_REPORT},   {"NOAUTH", REDIS_ERR_REFUSED},
    {"WRONGPASS", REDIS_ERR_REFUSED},   {"NOPERM", REDIS_ERR_REFUSED},
    {"MOVED", REDIS_ERR_CLUSTER},       {"ASK", REDIS_ERR_CLUSTER},
    {"CLUSTERDOWN", REDIS_ERR_CLUSTER},
};

enum redis_error redis_error_of(struct span text)
{
    const char *blank = memchr(text.ptr, ' ', text.len);
    struct span word =
        span_make(text.ptr, blank ? (size_t)(blank - text.ptr) : text.len);

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (span_is(word, table[i].word))
            return table[i].class;
    }
    /* FCALL has no word of its own for this. */
    if (span_starts(text, "ERR Function not found"))
        return REDIS_ERR_NOSCRIPT;
    return REDIS_ERR_OTHER;
}

#include "bargen/store/entry_id.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool entry_id_number(struct span text, uint64_t *out)
{
    uint64_t n = 0;

    if (text.len == 0 || text.len > 19)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        n = n * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    *out = n;
    return true;
}

bool entry_id_parse(struct span text, struct entry_id *id)
{
    const char *dash = text.len > 0 ? memchr(text.ptr, '-', text.len) : NULL;
    size_t left;
    struct entry_id got;

    if (!dash)
        return false;
    left = (size_t)(dash - text.ptr);
    if (!entry_id_number(span_make(text.ptr, left), &got.ms) ||
        !entry_id_number(span_make(dash + 1, text.len - left - 1), &got.seq))
        return false;
    *id = got;
    return true;
}

void entry_id_print(struct entry_id id, char text[ENTRY_ID_TEXT_MAX])
{
    snprintf(text, ENTRY_ID_TEXT_MAX, "%" PRIu64 "-%" PRIu64, id.ms, id.seq);
}

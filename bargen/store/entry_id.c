#include "bargen/store/entry_id.h"

#include <inttypes.h>
#include <stdio.h>

bool entry_id_parse(struct span text, struct entry_id *id)
{
    const char *dash = text.len > 0 ? memchr(text.ptr, '-', text.len) : NULL;
    size_t left;
    struct entry_id got;

    if (!dash)
        return false;
    left = (size_t)(dash - text.ptr);
    if (!span_number(span_make(text.ptr, left), SPAN_DIGITS_MAX, &got.ms) ||
        !span_number(span_make(dash + 1, text.len - left - 1), SPAN_DIGITS_MAX,
                     &got.seq))
        return false;
    *id = got;
    return true;
}

void entry_id_print(struct entry_id id, char text[ENTRY_ID_TEXT_MAX])
{
    snprintf(text, ENTRY_ID_TEXT_MAX, "%" PRIu64 "-%" PRIu64, id.ms, id.seq);
}

/*
 * api_history.h -- stored bars into one answer, byte for byte.
 *
 * Pure.  What is stored may be a whole event {"type":"bar",...,"bar":{...}} or
 * the bar object alone; either way the text of the bar object is passed on as it
 * is, so that no price is rounded.  Of several versions of one bar (same time)
 * the highest rev counts, then the one that was added first.
 *
 * Ownership   spans that were added must outlive history_render()
 */
#pragma once

#include "common/base/bytes.h"
#include "common/base/span.h"
#include "wsgate/http/api_range.h"

struct history_bar {
    int64_t time_ms;
    int64_t rev;
    bool final;
    size_t order; /* of adding */
    struct span text;
};

struct history {
    struct history_bar *at;
    size_t count, cap;
};

void history_init(struct history *h);
void history_close(struct history *h);
/* False: text is not a bar (it is left out). */
bool history_add(struct history *h, struct span text);
/* The newest bars of the range, oldest first, with its limit, and whether older
 * ones were left out: here, or (more) before. */
void history_render(struct history *h, const char *symbol,
                    const char *resolution, const struct api_range *range,
                    bool more, struct bytes *out);

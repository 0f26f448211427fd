#include "wsgate/http/api_history.h"

#include <stdlib.h>

#include "common/json/json_writer.h"
#include "common/json/scan.h"
#include "wsgate/http/api_target.h"

void history_init(struct history *h)
{
    *h = (struct history){0};
}

void history_close(struct history *h)
{
    free(h->at);
    history_init(h);
}

/* Members of the object at text; the bar object inside, where there is one. */
static bool read_bar(struct span text, struct history_bar *out)
{
    struct scan_member m = {.at = text.ptr};
    struct span time = {0};
    struct span inner = {0};

    *out = (struct history_bar){.text = text};
    while (scan_member_next(&m, text.ptr + text.len)) {
        if (scan_key_is(m.key, "time"))
            time = m.value;
        else if (scan_key_is(m.key, "bar"))
            inner = m.value;
        else if (scan_key_is(m.key, "final"))
            out->final = span_is(m.value, "true");
        else if (scan_key_is(m.key, "rev"))
            (void)api_number(m.value, 0, INT64_MAX, &out->rev);
    }
    if (inner.len > 0 && inner.ptr[0] == '{')
        return read_bar(inner, out);
    return api_number(time, INT64_MIN, INT64_MAX, &out->time_ms);
}

bool history_add(struct history *h, struct span text)
{
    struct history_bar bar;
    const char *end = text.ptr + text.len;
    const char *bad;

    if (!scan_text(text, &bad))
        return false;
    text.ptr = scan_space(text.ptr, end);
    text.len = (size_t)(end - text.ptr);
    while (text.len > 0 && scan_is_space(text.ptr[text.len - 1]))
        text.len--;
    if (text.ptr[0] != '{' || !read_bar(text, &bar))
        return false;
    if (h->count == h->cap) {
        h->cap = h->cap == 0 ? 64 : h->cap * 2;
        h->at = mem_grow(h->at, h->cap * sizeof *h->at);
    }
    bar.order = h->count;
    h->at[h->count++] = bar;
    return true;
}

/* By time; of one time the version that counts comes first. */
static int by_time(const void *a, const void *b)
{
    const struct history_bar *x = a;
    const struct history_bar *y = b;

    if (x->time_ms != y->time_ms)
        return x->time_ms < y->time_ms ? -1 : 1;
    if (x->rev != y->rev)
        return x->rev > y->rev ? -1 : 1;
    if (x->final != y->final)
        return x->final ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* Sorted, one a time, within the range. */
static void settle(struct history *h, int64_t from_ms, int64_t to_ms)
{
    size_t kept = 0;

    if (h->count > 0)
        qsort(h->at, h->count, sizeof *h->at, by_time);
    for (size_t i = 0; i < h->count; i++) {
        const struct history_bar *bar = &h->at[i];

        if (bar->time_ms < from_ms || bar->time_ms > to_ms)
            continue;
        if (kept > 0 && h->at[kept - 1].time_ms == bar->time_ms)
            continue;
        h->at[kept++] = *bar;
    }
    h->count = kept;
}

void history_render(struct history *h, const char *symbol,
                    const char *resolution, const struct api_range *range,
                    bool more, struct bytes *out)
{
    struct json_writer json = {.out = out};
    size_t limit = (size_t)range->limit, first;

    settle(h, range->from_ms, range->to_ms);
    first = h->count > limit ? h->count - limit : 0;
    json_write_object(&json, NULL);
    json_write_str(&json, "symbol", symbol);
    json_write_str(&json, "resolution", resolution);
    json_write_int(&json, "limit", range->limit);
    json_write_bool(&json, "truncated", more || first > 0);
    json_write_array(&json, "bars");
    for (size_t i = first; i < h->count; i++)
        json_write_raw(&json, NULL, h->at[i].text);
    json_write_array_end(&json);
    json_write_object_end(&json);
}

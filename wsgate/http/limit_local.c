#include "wsgate/http/limit_local.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/quantity.h"
#include "wsgate/http/api_target.h"

bool limit_local_parse(const char *text, int64_t *limit, int64_t *window_ms)
{
    const char *slash = strchr(text, '/');
    int64_t n;
    int64_t ms;

    if (!slash || !quantity_duration(slash + 1, &ms) || ms < 1)
        return false;
    if (!api_number(span_make(text, (size_t)(slash - text)), 1, 1000000000, &n))
        return false;
    *limit = n;
    *window_ms = ms;
    return true;
}

void limit_local_init(struct limit_local *l, int64_t limit, int64_t window_ms)
{
    l->limit = limit;
    l->window_ms = window_ms;
    l->entries = mem_zero((size_t)LOCAL_SETS * LOCAL_WAYS * sizeof *l->entries);
}

void limit_local_close(struct limit_local *l)
{
    free(l->entries);
    l->entries = NULL;
}

static uint64_t hash(const char *s)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */

    for (; *s != '\0'; s++)
        h = (h ^ (unsigned char)*s) * 1099511628211u;
    return h ^ h >> 32;
}

struct local_entry *limit_local_of(struct limit_local *l, const char *address,
                                   uint64_t now_ms)
{
    struct local_entry *set =
        &l->entries[hash(address) % LOCAL_SETS * LOCAL_WAYS];
    struct local_entry *oldest = set;

    for (int i = 0; i < LOCAL_WAYS; i++) {
        struct local_entry *e = &set[i];

        if (e->seen_ms != 0 && strcmp(e->address, address) == 0) {
            e->seen_ms = now_ms;
            return e;
        }
        if (e->seen_ms < oldest->seen_ms)
            oldest = e;
    }
    *oldest = (struct local_entry){.seen_ms = now_ms, .start_ms = now_ms};
    snprintf(oldest->address, sizeof oldest->address, "%s", address);
    return oldest;
}

bool limit_local_take(const struct limit_local *l, struct local_entry *e,
                      uint64_t now_ms, int64_t *remaining, int64_t *reset_ms)
{
    if (now_ms - e->start_ms >= (uint64_t)l->window_ms) {
        e->start_ms = now_ms;
        e->count = 0;
    }
    *reset_ms = l->window_ms - (int64_t)(now_ms - e->start_ms);
    if (e->count >= l->limit) {
        *remaining = 0;
        return false;
    }
    e->count++;
    *remaining = l->limit - e->count;
    return true;
}

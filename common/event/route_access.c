/* Who may subscribe to a channel, and how it is delivered: read from the table. */
#include <string.h>

#include "common/event/route.h"

/* Have name and template the same first part?  bare: also where the name is
 * nothing but that part. */
static bool same_kind(struct span name, const char *tmpl, bool bare)
{
    size_t n = strcspn(tmpl, ":");

    if (tmpl[n] != ':' || name.len < n || memcmp(name.ptr, tmpl, n) != 0)
        return false;
    return name.len == n ? bare : name.ptr[n] == ':';
}

static bool row_has_private(const struct route *r, struct span name)
{
    const char *const templates[] = {r->channel, r->channel2, r->key};
    bool bare = r->channel[0] == '\0';

    for (size_t i = 0; i < sizeof templates / sizeof *templates; i++) {
        if (strstr(templates[i], r->private_to) &&
            same_kind(name, templates[i], bare))
            return true;
    }
    return false;
}

bool route_is_private(const struct route_table *t, struct span name)
{
    for (unsigned i = 0; i < EVENT_TYPES; i++) {
        const struct route *r = route_of(t, (enum event_type)i);

        if (r->private_to && row_has_private(r, name))
            return true;
    }
    return false;
}

enum route_mode route_mode_of(const struct route_table *t, struct span name)
{
    for (unsigned i = 0; i < EVENT_TYPES; i++) {
        const struct route *r = route_of(t, (enum event_type)i);

        if (r->mode == ROUTE_ALL && (same_kind(name, r->channel, false) ||
                                     same_kind(name, r->channel2, false)))
            return ROUTE_ALL;
    }
    return ROUTE_LATEST;
}

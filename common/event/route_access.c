/* Who may subscribe to a channel, and how it is delivered: read from the table. */
#include <string.h>

#include "common/event/route.h"

/* Have name and template the same first part?  bare: also where the name is
 * nothing but that part. */
static bool same_kind(struct span name, const char *tmpl, bool bare)
{
    size_t n = 0;

    /* Nearly always over at the first letter: this is asked for each row. */
    while (n < name.len && tmpl[n] == name.ptr[n] && tmpl[n] != ':' &&
           tmpl[n] != '\0')
        n++;
    if (tmpl[n] != ':')
        return false;
    return name.len == n ? bare : name.ptr[n] == ':';
}

static bool row_has_private(const struct route *r, struct span name)
{
    const char *const templates[] = {r->channel, r->channel2, r->key};
    bool bare = r->channel[0] == '\0';

    for (size_t i = 0; i < sizeof templates / sizeof *templates; i++) {
        if (same_kind(name, templates[i], bare) &&
            strstr(templates[i], r->private_to))
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

/* What Redis refuses (ACL), and to whom that is to be said. */
#include "wsgate/channels/pattern.h"
#include "wsgate/channels/upstream_internal.h"

/* Is said before the loop sleeps: not in the middle of a request. */
static void note(struct upstream *upstream, struct span name, bool pattern,
                 bool refused)
{
    char head[3] = {(char)pattern, (char)refused, (char)name.len};

    bytes_add(&upstream->access, head, sizeof head);
    bytes_add_span(&upstream->access, name);
}

void upstream_access_set(struct upstream *upstream, struct access *access,
                         struct span name, bool pattern, bool refused)
{
    if (access->refused == refused)
        return;
    access->refused = refused;
    upstream->refused += refused ? 1 : -1;
    note(upstream, name, pattern, refused);
}

static bool pattern_is_held(const struct pattern *p)
{
    const struct pattern_view *v = !p ? NULL : p->views;

    while (v && v->stream.groups.n == 0)
        v = v->next;
    return v;
}

static bool channel_is_held(const struct channel *channel)
{
    const struct view *v = !channel ? NULL : &channel->native;

    while (v && v->stream.links.n == 0)
        v = v->next;
    return v;
}

/* Does any client have it?  Who has only asked is answered, and to look for
 * others at all clients for each name that is asked for would cost too much. */
static bool is_held(const struct channels *cs, struct span name, bool pattern)
{
    return pattern ? pattern_is_held(channels_find_pattern(cs, name))
                   : channel_is_held(channels_find(cs, name));
}

void upstream_access_tell(struct upstream *upstream)
{
    struct bytes access = upstream->access;
    const char *at = access.ptr, *end = at + access.len;

    bytes_init(&upstream->access);
    while (at < end) {
        struct span name = span_make(at + 3, (unsigned char)at[2]);
        if (is_held(&upstream->channels, name, at[0]))
            upstream->events.on_access(upstream->arg, name, at[0], at[1]);
        at = name.ptr + name.len;
    }
    bytes_close(&access);
}

bool upstream_is_refused(const struct upstream *upstream, uint32_t subscription)
{
    const struct channels *cs = &upstream->channels;

    return subscription & SUBSCRIPTION_PATTERN
               ? upstream_pattern_of(
                     channels_pattern_of(cs, subscription)->pattern)
                     ->access.refused
               : upstream_channel_of(
                     channels_view_of(cs, subscription)->channel)
                     ->access.refused;
}

struct some {
    unsigned left;
    void (*fn)(void *arg, struct span name);
    void *arg;
};

static void each_channel(void *arg, struct node *n)
{
    struct some *some = arg;
    struct channel *channel = node_of(struct channel, node, n);

    if (upstream_channel_of(channel)->access.refused && some->left > 0) {
        some->left--;
        some->fn(some->arg, channel->name);
    }
}

static void each_pattern(void *arg, struct node *n)
{
    struct some *some = arg;
    struct pattern *pattern = node_of(struct pattern, node, n);

    if (upstream_pattern_of(pattern)->access.refused && some->left > 0) {
        some->left--;
        some->fn(some->arg, pattern->name);
    }
}

void upstream_each_refused(const struct upstream *upstream, unsigned max,
                           void (*fn)(void *arg, struct span name), void *arg)
{
    struct some some = {.left = max, .fn = fn, .arg = arg};

    if (upstream->refused == 0)
        return;
    table_each(&upstream->channels.patterns, each_pattern, &some);
    table_each(&upstream->channels.by_name, each_channel, &some);
}

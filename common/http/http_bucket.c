/* Open connections, counted by address. */

#include <stdlib.h>

#include "common/http/http_internal.h"

static struct span key_of(const struct in6_addr *a)
{
    return span_make((const char *)a->s6_addr, sizeof a->s6_addr);
}

static bool is_at(const struct node *n, struct span key)
{
    return span_eq(key_of(&node_of(struct http_bucket, node, n)->at), key);
}

void http_bucket_init(struct table *buckets)
{
    table_init(buckets, is_at);
}

static bool counts(const struct http_server *s, const struct in6_addr *peer)
{
    return s->options.max_per_address > 0 &&
           !http_networks_have(&s->options.trust_proxy, peer);
}

bool http_bucket_has_room(const struct http_server *s,
                          const struct in6_addr *peer)
{
    struct in6_addr at = http_address_bucket(peer);
    struct node *n = table_find(&s->buckets, key_of(&at));
    unsigned max = s->options.max_per_address;
    const struct http_bucket *b;

    if (!n || !counts(s, peer))
        return true;
    b = node_of(struct http_bucket, node, n);
    return b->count - b->leaving < max &&
           (b->leaving < max || b->leaving < HTTP_LEAVING_MAX);
}

struct http_bucket *http_bucket_enter(struct http_server *s,
                                      const struct in6_addr *peer)
{
    struct in6_addr at = http_address_bucket(peer);
    struct http_bucket *b;
    struct node *n;

    if (!counts(s, peer))
        return NULL;
    n = table_find(&s->buckets, key_of(&at));
    if (n) {
        b = node_of(struct http_bucket, node, n);
    } else {
        b = mem_zero(sizeof *b);
        b->at = at;
        table_add(&s->buckets, &b->node, key_of(&b->at));
    }
    b->count++;
    return b;
}

void http_bucket_leaving(struct http_bucket *bucket)
{
    if (bucket)
        bucket->leaving++;
}

void http_bucket_hold(struct http_bucket *bucket)
{
    if (bucket)
        bucket->count++;
}

void http_bucket_leave(struct http_server *s, struct http_bucket *bucket,
                       bool was_leaving)
{
    if (!bucket)
        return;
    bucket->leaving -= was_leaving;
    if (--bucket->count > 0)
        return;
    table_remove(&s->buckets, &bucket->node);
    free(bucket);
}

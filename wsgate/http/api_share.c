#include "wsgate/http/api_share.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/bytes.h"

static struct api_share *of(const struct node *n)
{
    return node_of(struct api_share, node, n);
}

static bool equal(const struct node *n, struct span key)
{
    return span_is(key, of(n)->bucket);
}

struct api_share *api_share_take(struct table *shares, const char *bucket)
{
    struct span key = span_str(bucket);
    struct node *n = table_find(shares, key);
    struct api_share *share;

    if (n) {
        share = of(n);
    } else {
        share = mem_zero(sizeof *share);
        snprintf(share->bucket, sizeof share->bucket, "%s", bucket);
        table_add(shares, &share->node, key);
    }
    if (share->calls == API_SHARE_MAX)
        return NULL;
    share->calls++;
    return share;
}

void api_share_give(struct table *shares, struct api_share *share)
{
    if (--share->calls > 0)
        return;
    table_remove(shares, &share->node);
    free(share);
}

static void forget(void *arg, struct node *n)
{
    (void)arg;
    free(of(n));
}

void api_share_init(struct table *shares)
{
    table_init(shares, equal);
}

void api_share_close(struct table *shares)
{
    table_each(shares, forget, NULL);
    table_close(shares);
}

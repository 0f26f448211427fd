/*
 * api_share.h -- how many requests of one address are under way.
 *
 * A request asks at most three commands of Redis and is kept until all of them
 * have come back, also when it was answered before: so an address has at most
 * three times API_SHARE_MAX commands in flight, whatever its connections.
 *
 * Ownership   the table owns the shares; api_share_take() one and
 *             api_share_give() it back
 */
#pragma once

#include "common/base/table.h"
#include "common/http/http_address.h"

enum { API_SHARE_MAX = 64 };

struct api_share {
    struct node node;
    unsigned calls;
    char bucket[HTTP_ADDRESS_TEXT];
};

void api_share_init(struct table *shares);
void api_share_close(struct table *shares);
/* NULL: it has API_SHARE_MAX under way. */
struct api_share *api_share_take(struct table *shares, const char *bucket);
void api_share_give(struct table *shares, struct api_share *share);

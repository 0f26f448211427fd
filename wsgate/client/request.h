/*
 * request.h -- a subscription under way.
 *
 * Ownership   a request is on its client's list and on the list of all until
 *             request_free(), which gives back subscriptions that were not
 *             taken
 */
#pragma once

#include "common/base/bytes.h"
#include "wsgate/client/client.h"

struct subscribe_item {
    uint32_t subscription; /* NO_SUBSCRIPTION: refused */
    uint32_t name_at;      /* in request->text */
    uint32_t since_at;
    uint16_t name_len, since_len;
    bool all;
    bool taken;       /* it is the client's now */
    bool gap;         /* it named a position, `since` */
    const char *code; /* why it is refused; static */
    const char *text;
};

struct request {
    struct client *client;
    struct request *next_of_client;
    struct request *next, *prev; /* of all clients */
    uint64_t deadline_mono_ms;
    struct bytes id, text;
    struct subscribe_item *items;
    uint32_t n_items, cap_items;
    uint32_t settled; /* the items before this one are */
    bool snapshot;
};

struct request *request_new(struct client *c);
void request_free(struct request *r);
struct subscribe_item *request_add(struct request *r, struct span name);
/* It continues from there. */
void request_since(struct request *r, struct subscribe_item *item,
                   struct span since);
/* Static texts. */
void request_refuse(struct subscribe_item *item, const char *code,
                    const char *text);
struct span request_item_name(const struct request *r,
                              const struct subscribe_item *item);
struct span request_item_since(const struct request *r,
                               const struct subscribe_item *item);
bool request_is_settled(struct request *r);

/*
 * upgrade.h -- from an HTTP request to a WebSocket client, or to a refusal.
 *
 * A browser does not tell a page why a handshake failed.  So the page may ask
 * the same address without an upgrade: GET with `?origin=` is answered with 403
 * and the reason where a handshake from that origin would be, else with 426.
 */
#pragma once

#include "common/http/http.h"
#include "wsgate/client/clients.h"
#include "wsgate/ws/ws_refusal.h"

/* What it points to is the caller's. */
struct upgrade_options {
    const struct ws_door *door;
    struct ws_refusals *refusals;
    const char *instance; /* what `welcome` says */
    int64_t ping_ms;
};

/* Answers the request, or takes its connection over. */
void upgrade(struct clients *registry, const struct upgrade_options *options,
             struct http_conn *conn, const struct http_request *req,
             enum dialect dialect);
/* Does once what the first client should not wait for: OpenSSL finds its
 * algorithms at first use, some milliseconds and a megabyte. */
void upgrade_warm_up(void);

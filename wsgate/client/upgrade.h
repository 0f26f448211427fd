/*
 * upgrade.h -- from an HTTP request to a WebSocket client, or to a refusal.
 */
#pragma once

#include "common/app/option.h"
#include "common/http/http.h"
#include "wsgate/client/clients.h"

/* What it points to is the caller's. */
struct upgrade_options {
    const struct option_strs *allow_origin; /* beside the same host */
    const char *instance;                   /* what `welcome` says */
    int64_t ping_ms;
};

/* Answers the request, or takes its connection over. */
void upgrade(struct clients *registry, const struct upgrade_options *options,
             struct http_conn *conn, const struct http_request *req,
             enum dialect dialect);
/* Does once what the first client should not wait for: OpenSSL finds its
 * algorithms at first use, some milliseconds and a megabyte. */
void upgrade_warm_up(void);

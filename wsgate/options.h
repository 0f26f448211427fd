/*
 * options.h -- what wsgate can be told on its command line.
 *
 * Units       *_ms milliseconds, *_bytes bytes, rates a second
 * Source      the table in options.c; bounds are those of docs/protocol.md
 */
#pragma once

#include "common/app/app.h"
#include "common/app/option.h"
#include "common/http/http_network.h"

struct options {
    struct app_options app; /* must be first */
    /* where clients come from */
    const char *listen; /* HOST:PORT */
    const char *admin;  /* HOST:PORT of metrics, health and status, or NULL */
    bool public_status; /* these at `listen`, too, and in full */
    bool reuse_port;
    struct http_networks trust_proxy; /* they say who a client is */
    bool dev;                         /* /echo and publish-test */
    int64_t max_connections;
    int64_t max_per_address;
    struct option_strs allow_origin; /* see http_origin.h */
    struct option_strs allow_host;   /* see ws_door.h */
    /* what one client may do */
    int64_t max_subscriptions;
    int64_t
        max_address_subscriptions; /* of all clients of one address; 0: by max_per_address */
    int64_t max_message_bytes; /* inbound */
    double command_rate;       /* inbound messages a second ... */
    int64_t command_burst;     /* ... and at once */
    /* what one client may cost */
    int64_t backlog_bytes;     /* `latest`: above this it is conflated */
    int64_t backlog_all_bytes; /* `all`: above this it is closed with 4101 */
    int64_t notsent_bytes;     /* TCP_NOTSENT_LOWAT; 0: leave the kernel's */
    int64_t sndbuf_bytes;      /* SO_SNDBUF; 0: leave the kernel's */
    int64_t log_bytes;         /* of the shared frame log */
    /* times */
    int64_t ping_ms;
    int64_t heartbeat_ms;
    int64_t drain_ms;
    int64_t confirm_ms; /* longest wait of an ack for Redis */
    /* shells (stdio.c) */
    bool read_stdin;
    bool write_stdout;
    bool linger; /* go on after the end of standard input */
    int64_t max_line_bytes;
    /* HTTP endpoints (api.c) */
    bool no_limit; /* do not ask the rate limit for /api */
    /* "100/60s": what an address may ask of /api while the rule in Redis cannot
     * be asked */
    const char *api_limit;
    const char *web; /* serve the page from this folder instead */
};

extern const struct cli wsgate_cli;

struct options options_default(void);

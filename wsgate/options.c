#include "wsgate/options.h"

#include <stdio.h>
#include <stdlib.h>

/* On average, of the connections that an address may have. */
enum { SUBSCRIPTIONS_PER_CONNECTION = 64 };

#define AT(field) offsetof(struct options, field)
static const struct option_spec table[] = {
    {'l', "listen", "HOST:PORT", OPT_STR, AT(listen), "LISTEN",
     "where clients connect, 127.0.0.1:8080 [or PORT]", NULL, 0, 0},
    {0, "admin", "HOST:PORT", OPT_STR, AT(admin), "ADMIN",
     "serve metrics, health and status here only", NULL, 0, 0},
    {0, "public-status", NULL, OPT_FLAG, AT(public_status), NULL, NULL, NULL, 0,
     0},
    {0, "reuse-port", NULL, OPT_FLAG, AT(reuse_port), NULL,
     "share the port with other wsgates", NULL, 0, 0},
    {0, "trust-proxy", "ADDR/N", OPT_NETWORKS, AT(trust_proxy), "TRUST_PROXY",
     "proxies there say who a client is", NULL, 0, 0},
    {0, "stdin", NULL, OPT_FLAG, AT(read_stdin), NULL,
     "broadcast events read from standard input", NULL, 0, 0},
    {0, "stdout", NULL, OPT_FLAG, AT(write_stdout), NULL,
     "write what clients ask for", NULL, 0, 0},
    {0, "linger", NULL, OPT_FLAG, AT(linger), NULL,
     "go on after the end of standard input", NULL, 0, 0},
    {0, "allow-origin", "URL", OPT_STRS, AT(allow_origin), "ALLOW_ORIGIN",
     "browsers of other pages may connect; * matches", NULL, 0, 0},
    {0, "allow-host", "HOST", OPT_STRS, AT(allow_host), "ALLOW_HOST",
     "browsers may use this name of a loopback address", NULL, 0, 0},
    {0, "web", "DIR", OPT_STR, AT(web), NULL, "serve the page from this folder",
     NULL, 0, 0},
    {0, "dev", NULL, OPT_FLAG, AT(dev), "WSGATE_DEV",
     "serve /echo and publish-test, for development", NULL, 0, 0},
    {0, "drain", "TIME", OPT_DURATION_MS, AT(drain_ms), NULL,
     "spread goodbyes over this time, 4s", NULL, 0, 3600000},
    {0, "max-connections", "N", OPT_INT, AT(max_connections), "MAX_CONNECTIONS",
     "at once, 100000", NULL, 1, 10000000},
    {0, "max-per-address", "N", OPT_INT, AT(max_per_address), NULL,
     "from one address, 1000", NULL, 1, 10000000},
    {0, "max-subscriptions", "N", OPT_INT, AT(max_subscriptions), NULL, NULL,
     NULL, 1, 65536},
    {0, "max-address-subscriptions", "N", OPT_INT,
     AT(max_address_subscriptions), NULL,
     "of all clients of one address, 65536", NULL, 1, 10000000},
    {0, "max-message", "SIZE", OPT_SIZE, AT(max_message_bytes), NULL, NULL,
     NULL, 1024, 16 << 20},
    {0, "max-line", "SIZE", OPT_SIZE, AT(max_line_bytes), NULL, NULL, NULL,
     1024, 64 << 20},
    {0, "command-rate", "N", OPT_RATE, AT(command_rate), NULL, NULL, NULL, 0,
     0},
    {0, "command-burst", "N", OPT_INT, AT(command_burst), NULL, NULL, NULL, 1,
     1000000},
    {0, "backlog", "SIZE", OPT_SIZE, AT(backlog_bytes), NULL, NULL, NULL, 4096,
     1 << 30},
    {0, "backlog-all", "SIZE", OPT_SIZE, AT(backlog_all_bytes), NULL, NULL,
     NULL, 4096, 1 << 30},
    {0, "log-size", "SIZE", OPT_SIZE, AT(log_bytes), NULL, NULL, NULL, 65536,
     1 << 30},
    {0, "notsent", "SIZE", OPT_SIZE, AT(notsent_bytes), NULL, NULL, NULL, 0,
     1 << 30},
    {0, "sndbuf", "SIZE", OPT_SIZE, AT(sndbuf_bytes), NULL, NULL, NULL, 0,
     1 << 30},
    {0, "ping", "TIME", OPT_DURATION_MS, AT(ping_ms), NULL, NULL, NULL, 100,
     3600000},
    {0, "heartbeat", "TIME", OPT_DURATION_MS, AT(heartbeat_ms), NULL, NULL,
     NULL, 100, 3600000},
    {0, "confirm", "TIME", OPT_DURATION_MS, AT(confirm_ms), NULL, NULL, NULL, 0,
     60000},
    {0, "api-limit", "N/TIME", OPT_STR, AT(api_limit), NULL, NULL, NULL, 0, 0},
    {0, "no-limit", NULL, OPT_FLAG, AT(no_limit), NULL, NULL, NULL, 0, 0},
    {.name = NULL},
};
#undef AT

/* foreman and its like say only PORT. */
static void settle(void *options)
{
    static char text[64];
    struct options *o = options;
    const char *port = getenv("PORT");

    if (o->max_address_subscriptions == 0)
        o->max_address_subscriptions =
            o->max_per_address > 1024
                ? o->max_per_address * SUBSCRIPTIONS_PER_CONNECTION
                : 1024 * SUBSCRIPTIONS_PER_CONNECTION;

    if (o->listen)
        return;
    snprintf(text, sizeof text, "127.0.0.1:%.40s",
             port && port[0] != '\0' ? port : "8080");
    o->listen = text;
}

static const char *health_at(const void *options)
{
    const struct options *o = options;

    return o->admin ? o->admin : o->listen;
}

const struct cli wsgate_cli = {
    .tool = "wsgate",
    .synopsis = "[options]",
    .summary = "Serve channels of Redis to WebSocket clients.",
    .table = table,
    .common = app_option_table,
    .health_at = health_at,
    .settle = settle,
};

struct options options_default(void)
{
    return (struct options){
        .app = APP_OPTIONS_DEFAULT,
        .max_connections = 100000,
        .max_per_address = 1000,
        .max_subscriptions = 1024,
        .max_message_bytes = 65536,
        .command_rate = 20,
        .command_burst = 100,
        .backlog_bytes = 65536,
        .backlog_all_bytes = 1 << 20,
        .notsent_bytes = 16384,
        .log_bytes = 16 << 20,
        .ping_ms = 15000,
        .heartbeat_ms = 5000,
        .drain_ms = 4000,
        .confirm_ms = 3000,
        .max_line_bytes = 1 << 20,
    };
}

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "common/app/app.h"
#include "wsgate/fanout/table.h"
#include "wsgate/http/api.h"
#include "wsgate/options.h"
#include "wsgate/wsgate.h"

#define AT(field) offsetof(struct options, field)
static const struct option_spec table[] = {
    {'l', "listen", "HOST:PORT", OPT_STR, AT(listen), "LISTEN",
     "where clients connect, 127.0.0.1:8080 [or PORT]", NULL, 0, 0},
    {.name = "reuse-port",
     .kind = OPT_FLAG,
     .offset = AT(reuse_port),
     .help = "share the port with other wsgates"},
    {.name = "trust-proxy",
     .kind = OPT_FLAG,
     .offset = AT(trust_proxy),
     .env = "TRUST_PROXY",
     .help = "take clients' addresses from X-Forwarded-For"},
    {.name = "stdin",
     .kind = OPT_FLAG,
     .offset = AT(read_stdin),
     .help = "broadcast events read from standard input"},
    {.name = "stdout",
     .kind = OPT_FLAG,
     .offset = AT(write_stdout),
     .help = "write what clients ask for"},
    {.name = "linger",
     .kind = OPT_FLAG,
     .offset = AT(linger),
     .help = "go on after the end of standard input"},
    {.name = "allow-origin",
     .metavar = "URL",
     .kind = OPT_STRS,
     .offset = AT(allow_origin),
     .env = "ALLOW_ORIGIN",
     .help = "browsers of other pages may connect; * matches"},
    {.name = "web",
     .metavar = "DIR",
     .kind = OPT_STR,
     .offset = AT(web),
     .help = "serve the page from this folder"},
    {.name = "drain",
     .metavar = "TIME",
     .kind = OPT_DURATION_MS,
     .offset = AT(drain_ms),
     .help = "spread goodbyes over this time, 4s"},
    {.name = "max-connections",
     .metavar = "N",
     .kind = OPT_INT,
     .offset = AT(max_connections),
     .env = "MAX_CONNECTIONS",
     .help = "at once, 100000",
     .min = 1,
     .max = 10000000},
    {.name = "max-per-address",
     .metavar = "N",
     .kind = OPT_INT,
     .offset = AT(max_per_address),
     .help = "from one address, 1000",
     .min = 1,
     .max = 10000000},
    {.name = "max-subscriptions",
     .metavar = "N",
     .kind = OPT_INT,
     .offset = AT(max_subscriptions),
     .min = 1,
     .max = 65536},
    {.name = "max-message",
     .metavar = "SIZE",
     .kind = OPT_SIZE,
     .offset = AT(max_message_bytes),
     .min = 1024,
     .max = 16 << 20},
    {.name = "max-line",
     .metavar = "SIZE",
     .kind = OPT_SIZE,
     .offset = AT(max_line_bytes),
     .min = 1024,
     .max = 64 << 20},
    {
        .name = "command-rate",
        .metavar = "N",
        .kind = OPT_RATE,
        .offset = AT(command_rate),
    },
    {.name = "command-burst",
     .metavar = "N",
     .kind = OPT_INT,
     .offset = AT(command_burst),
     .min = 1,
     .max = 1000000},
    {.name = "backlog",
     .metavar = "SIZE",
     .kind = OPT_SIZE,
     .offset = AT(backlog_bytes),
     .min = 4096,
     .max = 1 << 30},
    {.name = "backlog-all",
     .metavar = "SIZE",
     .kind = OPT_SIZE,
     .offset = AT(backlog_all_bytes),
     .min = 4096,
     .max = 1 << 30},
    {.name = "log-size",
     .metavar = "SIZE",
     .kind = OPT_SIZE,
     .offset = AT(log_bytes),
     .min = 65536,
     .max = 1 << 30},
    {.name = "notsent",
     .metavar = "SIZE",
     .kind = OPT_SIZE,
     .offset = AT(notsent_bytes),
     .min = 0,
     .max = 1 << 30},
    {.name = "sndbuf",
     .metavar = "SIZE",
     .kind = OPT_SIZE,
     .offset = AT(sndbuf_bytes),
     .min = 0,
     .max = 1 << 30},
    {.name = "ping",
     .metavar = "TIME",
     .kind = OPT_DURATION_MS,
     .offset = AT(ping_ms),
     .min = 100,
     .max = 3600000},
    {.name = "heartbeat",
     .metavar = "TIME",
     .kind = OPT_DURATION_MS,
     .offset = AT(heartbeat_ms),
     .min = 100,
     .max = 3600000},
    {.name = "confirm",
     .metavar = "TIME",
     .kind = OPT_DURATION_MS,
     .offset = AT(confirm_ms),
     .min = 0,
     .max = 60000},
    {
        .name = "api-limit",
        .metavar = "N/TIME",
        .kind = OPT_STR,
        .offset = AT(api_limit),
    },
    {.name = "no-limit", .kind = OPT_FLAG, .offset = AT(no_limit)},
    {.name = NULL},
};
#undef AT

/* foreman and its like say only PORT. */
static void settle(void *options)
{
    static char text[64];
    struct options *o = options;
    const char *port = getenv("PORT");

    if (o->listen)
        return;
    snprintf(text, sizeof text, "127.0.0.1:%.40s",
             port && port[0] != '\0' ? port : "8080");
    o->listen = text;
}

static const char *health_at(const void *options)
{
    return ((const struct options *)options)->listen;
}

static const struct cli cli = {
    .tool = "wsgate",
    .synopsis = "[options]",
    .summary = "Serve channels of Redis to WebSocket clients.",
    .table = table,
    .common = app_option_table,
    .health_at = health_at,
    .settle = settle,
};

static const struct options defaults = {
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

static void on_reload(void *wsgate)
{
    api_reload(wsgate);
}

static void seed_tables(void)
{
    uint64_t seed = 0;

    while (getrandom(&seed, sizeof seed, 0) != sizeof seed) {
    }
    table_seed(seed);
}

int main(int argc, char **argv)
{
    struct options opts = defaults;
    struct wsgate gate = {0};
    struct err err = {0};
    struct app app;
    int status;

    if (app_args(&cli, argc, argv, &opts, &status))
        return status; /* --help, --version or a usage error */
    seed_tables();
    if (app_init(&app, &cli, &opts.app, gate_stop, &gate, &err)) {
        app.on_reload = on_reload;
        if (gate_open(&gate, &app, &opts, &err))
            app_run(&app, &err);
    }
    status = app_exit(&app, &err);
    gate_free(&gate);
    return status;
}

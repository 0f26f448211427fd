/*
 * linkprobe -- the Redis links with their events as lines, for the tests.
 *
 *   linkprobe [-h HOST] [-p PORT] [-s PATH] [-u USER] [-a PASSWORD] [-n DB]
 *             [-i IDLE_MS] [-x PREFIX] [-P] [-R]
 *
 * Reads commands from standard input, a line each: "want NAME", "unwant NAME",
 * "pwant NAME", "punwant NAME", "cmd WORD...", "drop cmd", "drop sub", "quit"
 * (SIGTERM does the same).
 * -R: a replica will do.
 * Writes: "cmd ready", "cmd down REFUSED WHY", "cmd reply TEXT", "cmd lost",
 * "sub live", "sub down REFUSED WHY", "sub confirmed NAME", "sub refused NAME",
 * "sub message CHANNEL PAYLOAD [PATTERN]", and with -P "upstream STATE".
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "common/base/line.h"
#include "common/base/log.h"
#include "common/redis/redis_cmd.h"
#include "common/redis/redis_probe.h"
#include "common/redis/redis_sub.h"

struct probe {
    uv_loop_t loop;
    uv_poll_t input;
    uv_signal_t term;
    struct line_reader lines;
    struct redis_cmd *cmd;
    struct redis_sub *sub;
    struct redis_probe *probe; /* NULL without -P */
    bool closing;
};

static void links_changed(struct probe *p)
{
    if (p->probe)
        redis_probe_links_changed(p->probe);
}

static void show(const struct redis_reply *r)
{
    switch (r->type) {
    case REDIS_INTEGER:
        printf("%" PRId64, r->integer);
        break;
    case REDIS_NIL_REPLY:
        printf("nil");
        break;
    case REDIS_ARRAY:
        printf("[");
        for (size_t i = 0; i < r->count; i++) {
            printf(i > 0 ? "," : "");
            show(&r->item[i]);
        }
        printf("]");
        break;
    case REDIS_STRING:
    case REDIS_STATUS:
    case REDIS_ERROR_REPLY:
        if (r->str.len > 1000)
            printf("%zu bytes", r->str.len);
        else
            printf("%.*s", SPAN_ARG(r->str));
        break;
    }
}

static void on_reply(void *arg, const struct redis_reply *r)
{
    (void)arg;
    if (!r) {
        printf("cmd lost\n");
        return;
    }
    printf("cmd reply ");
    show(r);
    printf("\n");
}

static void on_cmd_ready(void *arg)
{
    printf("cmd ready\n");
    links_changed(arg);
}

static void on_cmd_down(void *arg, const char *why, bool refused)
{
    printf("cmd down %d %s\n", refused, why);
    links_changed(arg);
}

static void on_sub_live(void *arg)
{
    printf("sub live\n");
    links_changed(arg);
}

static void on_sub_down(void *arg, const char *why, bool refused)
{
    printf("sub down %d %s\n", refused, why);
    links_changed(arg);
}

static void on_confirmed(void *arg, struct span name, bool pattern)
{
    (void)arg;
    printf("sub confirmed %.*s%s\n", SPAN_ARG(name), pattern ? " *" : "");
}

static void on_refused(void *arg, struct span name, bool pattern,
                       struct span why)
{
    (void)arg;
    (void)pattern;
    printf("sub refused %.*s %.*s\n", SPAN_ARG(name), SPAN_ARG(why));
}

static void on_message(void *arg, struct span channel, struct span payload,
                       struct span pattern)
{
    struct probe *p = arg;

    if (p->probe && redis_probe_heard(p->probe, channel))
        return;
    printf("sub message %.*s %.*s %.*s\n", SPAN_ARG(channel), SPAN_ARG(payload),
           SPAN_ARG(pattern));
}

static void on_upstream(void *arg, enum upstream_state now)
{
    (void)arg;
    printf("upstream %s\n", upstream_name(now));
}

static void close_all(struct probe *p)
{
    if (p->closing)
        return;
    p->closing = true;
    uv_close((uv_handle_t *)&p->input, NULL);
    uv_close((uv_handle_t *)&p->term, NULL);
    if (p->probe)
        redis_probe_close(p->probe);
    p->probe = NULL;
    redis_cmd_close(p->cmd, NULL, NULL);
    redis_sub_close(p->sub, NULL, NULL);
}

static void on_term(uv_signal_t *term, int signum)
{
    (void)signum;
    close_all(term->data);
}

static void run_cmd(struct probe *p, char *words)
{
    char *word[64];
    unsigned n = 0;

    for (char *at = words, *w; n < 64 && (w = strsep(&at, " "));)
        word[n++] = w;
    if (!redis_cmd_begin(p->cmd, n, on_reply, NULL))
        printf("cmd not ready\n");
    for (unsigned i = 0; i < n; i++)
        redis_cmd_str(p->cmd, word[i]);
}

static void obey(struct probe *p, char *line)
{
    char *rest = strchr(line, ' ');
    bool pattern = line[0] == 'p';

    if (strcmp(line, "quit") == 0) {
        close_all(p);
        return;
    }
    if (!rest)
        return;
    *rest++ = '\0';
    if (strcmp(line, "cmd") == 0)
        run_cmd(p, rest);
    else if (strcmp(line, "drop") == 0 && strcmp(rest, "cmd") == 0)
        redis_cmd_drop(p->cmd, "told to");
    else if (strcmp(line, "drop") == 0)
        redis_sub_drop(p->sub, "told to");
    else if (strcmp(line + pattern, "want") == 0)
        redis_sub_want(p->sub, span_str(rest), pattern);
    else if (strcmp(line + pattern, "unwant") == 0)
        redis_sub_unwant(p->sub, span_str(rest), pattern);
}

static void on_input(uv_poll_t *h, int status, int events)
{
    struct probe *p = h->data;
    struct span line;
    size_t room;
    char *to = line_space(&p->lines, &room);
    ssize_t n = read(STDIN_FILENO, to, room);

    (void)status;
    (void)events;
    if (n <= 0) {
        close_all(p);
        return;
    }
    line_filled(&p->lines, (size_t)n);
    while (!p->closing && line_next(&p->lines, &line) == LINE_OK) {
        char *text = mem_str(line);

        obey(p, text);
        free(text);
    }
}

static bool options(int argc, char **argv, struct redis_config *c, bool *probe)
{
    int o;

    snprintf(c->host, sizeof c->host, "127.0.0.1");
    snprintf(c->client_name, sizeof c->client_name, "linkprobe:1");
    while ((o = getopt(argc, argv, "h:p:s:u:a:n:i:x:PR")) != -1) {
        switch (o) {
        case 'h':
            snprintf(c->host, sizeof c->host, "%s", optarg);
            break;
        case 'p':
            c->port = (uint16_t)strtoul(optarg, NULL, 10);
            break;
        case 's':
            snprintf(c->path, sizeof c->path, "%s", optarg);
            break;
        case 'u':
            snprintf(c->user, sizeof c->user, "%s", optarg);
            break;
        case 'a':
            snprintf(c->password, sizeof c->password, "%s", optarg);
            break;
        case 'n':
            c->db = (int)strtol(optarg, NULL, 10);
            break;
        case 'i':
            c->idle_ping_ms = strtol(optarg, NULL, 10);
            break;
        case 'x':
            snprintf(c->prefix, sizeof c->prefix, "%s", optarg);
            break;
        case 'P':
            *probe = true;
            break;
        case 'R':
            c->replica_ok = true;
            break;
        default:
            return false;
        }
    }
    snprintf(c->display, sizeof c->display, "redis://%s:%u", c->host, c->port);
    return true;
}

int main(int argc, char **argv)
{
    static const struct redis_cmd_events cmd_events = {.on_ready = on_cmd_ready,
                                                       .on_down = on_cmd_down};
    static const struct redis_sub_events sub_events = {
        .on_message = on_message,
        .on_confirmed = on_confirmed,
        .on_live = on_sub_live,
        .on_down = on_sub_down,
        .on_refused = on_refused};
    struct redis_config config = {.port = 6379,
                                  .retry_base_ms = 50,
                                  .retry_max_ms = 2000,
                                  .connect_timeout_ms = 2000,
                                  .idle_ping_ms = 3000,
                                  .pong_timeout_ms = 3000};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct probe p = {.closing = false};
    bool probe = false;

    if (!options(argc, argv, &config, &probe))
        return 64;
    sigaction(SIGPIPE, &ignore, NULL);
    setvbuf(stdout, NULL, _IOLBF, 0);
    log_init("linkprobe", LOG_LEVEL_DEBUG);
    uv_loop_init(&p.loop);
    line_init(&p.lines, 0, 65536);
    uv_poll_init(&p.loop, &p.input, STDIN_FILENO);
    p.input.data = &p;
    uv_poll_start(&p.input, UV_READABLE, on_input);
    uv_signal_init(&p.loop, &p.term);
    p.term.data = &p;
    uv_signal_start(&p.term, on_term, SIGTERM);
    p.cmd = redis_cmd_new(&p.loop, &config, NULL, &cmd_events, &p);
    p.sub = redis_sub_new(&p.loop, &config, &sub_events, &p);
    if (probe)
        p.probe = redis_probe_new(&p.loop, p.cmd, p.sub, &config, "1",
                                  on_upstream, &p);
    uv_run(&p.loop, UV_RUN_DEFAULT);
    line_close(&p.lines);
    return uv_loop_close(&p.loop) == 0 ? 0 : 70;
}

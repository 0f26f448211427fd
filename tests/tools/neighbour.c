/*
 * neighbour -- ordinary clients of a gateway and what they are sent, for the
 * tests: does anybody notice what others do?
 *
 *   neighbour -p PORT -r REDIS_PORT [-R UPDATES/S] [-C CHANNELS] [-q QUIET]
 *             [-t CHANNELS_EACH] [-s SLOW_BYTES/S] [-c] KIND:COUNT...
 *
 * KIND is named, tape, wild, interval, stock, slow or comer (load/ordinary.h).
 * -c: what is published is cached in last:, too.
 * Reads commands from standard input, a line each, and answers each with one
 * line of JSON, the first ("open") when all clients have what they asked for:
 *
 *   slice NAME    what was seen since the last slice
 *   check         publishes one of everything; milliseconds until all have it
 *   stall, resume tapes stop reading, go on
 *   reconnect     all leave and come at once; milliseconds until all are right
 *   wait          the same without leaving: for a gateway that starts again
 *   quit          ends, as the end of the input does
 *
 * Units  latencies and pings are microseconds, silence and waits milliseconds;
 *        -1: not within WAIT_MS
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/json/json_writer.h"
#include "tests/tools/load/publisher.h"

enum {
    WAIT_MS = 60000,
    TICK_NS = 10000000,
    EVENTS_MAX = 512,
    FRESH_IN_CHECK = 16,
    STOCKS = 10,
    PING_MIN_NS = 500000000,
    PING_EACH_NS = 2500000, /* of all clients together */
    COMING_AT_ONCE = 128,   /* at the start */
};

struct world {
    struct field field;
    struct publisher publisher;
    unsigned redis_port;
    unsigned opened;   /* clients that have begun to connect */
    const char *waits; /* for all to be right; the command, or NULL */
    uint64_t waits_since_ns;
    unsigned wrong_at; /* the first client that is not known right */
    uint64_t tick_ns, slice_ns;
    double slice_cpu;
    uint64_t slice_published;
    char line[256];
    size_t line_len;
    bool done;
};

static double own_cpu(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void say(struct bytes *text)
{
    printf("%.*s\n", (int)text->len, text->ptr);
    fflush(stdout);
    bytes_close(text);
}

/* --- slices --- */

static void histogram(struct json_writer *w, const char *key,
                      const struct histogram *h)
{
    struct bytes text;

    bytes_init(&text);
    histogram_json(h, &text);
    json_write_raw(w, key, bytes_span(&text));
    bytes_close(&text);
}

static void slice(struct world *w, const char *name)
{
    static const struct tally nothing;
    struct tally *t = &w->field.tally;
    uint64_t now = clock_mono_ns();
    struct bytes text;
    struct json_writer j = {.out = &text};

    bytes_init(&text);
    json_write_object(&j, NULL);
    json_write_str(&j, "slice", name);
    json_write_real(&j, "seconds", (double)(now - w->slice_ns) / 1e9);
    json_write_real(&j, "own_cpu", own_cpu() - w->slice_cpu);
    json_write_uint(&j, "published",
                    w->publisher.published - w->slice_published);
    json_write_uint(&j, "received", t->received);
    json_write_uint(&j, "missed", t->missed);
    json_write_uint(&j, "older", t->older);
    json_write_uint(&j, "cut", t->cut);
    json_write_uint(&j, "refused", t->refused);
    json_write_uint(&j, "denied", t->denied);
    json_write_uint(&j, "late", t->late);
    json_write_uint(&j, "silence_ms", t->silence_ms);
    json_write_str(&j, "first_fault", t->first_fault);
    histogram(&j, "latency", &t->latency);
    histogram(&j, "ping", &t->ping);
    histogram(&j, "arrival", &t->arrival);
    json_write_object_end(&j);
    say(&text);
    *t = nothing;
    w->slice_ns = now;
    w->slice_cpu = own_cpu();
    w->slice_published = w->publisher.published;
}

/* --- commands --- */

static void wait_for_all(struct world *w, const char *what, uint64_t now_ns)
{
    for (unsigned i = 0; i < w->field.count; i++)
        w->field.all[i].right = false;
    w->wrong_at = 0;
    w->waits = what;
    w->waits_since_ns = now_ns;
}

static void reconnect(struct world *w, uint64_t now_ns)
{
    publisher_floor(&w->publisher, &w->field);
    for (unsigned i = 0; i < w->field.count; i++)
        peer_close(&w->field.all[i].peer, false);
    for (unsigned i = 0; i < w->field.count; i++)
        ordinary_open(&w->field.all[i], &w->field, now_ns);
    wait_for_all(w, "reconnect", now_ns);
}

static void stall(struct world *w, bool deaf)
{
    for (unsigned i = 0; i < w->field.count; i++) {
        struct ordinary *o = &w->field.all[i];
        if (o->kind == ORDINARY_TAPE)
            peer_set_deaf(&o->peer, w->field.epoll, deaf);
    }
    printf("{\"%s\":true}\n", deaf ? "stall" : "resume");
    fflush(stdout);
}

static void on_command(struct world *w, const char *line, uint64_t now)
{
    if (strncmp(line, "slice ", 6) == 0) {
        slice(w, line + 6);
    } else if (strcmp(line, "check") == 0) {
        w->field.unthrottled = true;
        publisher_all(&w->publisher, &w->field, FRESH_IN_CHECK);
        wait_for_all(w, "check", now);
    } else if (strcmp(line, "stall") == 0 || strcmp(line, "resume") == 0) {
        stall(w, line[0] == 's');
    } else if (strcmp(line, "reconnect") == 0) {
        reconnect(w, now);
    } else if (strcmp(line, "wait") == 0) {
        publisher_floor(&w->publisher, &w->field);
        wait_for_all(w, "wait", now);
    } else {
        w->done = true;
    }
}

static void read_commands(struct world *w, uint64_t now)
{
    char *end;
    ssize_t n = read(STDIN_FILENO, w->line + w->line_len,
                     sizeof w->line - 1 - w->line_len);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        w->done = true;
    if (n <= 0)
        return;
    w->line_len += (size_t)n;
    w->line[w->line_len] = '\0';
    while ((end = strchr(w->line, '\n')) && !w->done) {
        *end = '\0';
        on_command(w, w->line, now);
        w->line_len -= (size_t)(end + 1 - w->line);
        memmove(w->line, end + 1, w->line_len + 1);
    }
}

/* --- the loop --- */

/* Begins with all clients that may come now: at the start not all at once. */
static void open_some(struct world *w, uint64_t now_ns)
{
    struct field *f = &w->field;
    unsigned open = 0;

    for (unsigned i = 0; i < w->opened; i++)
        open += f->all[i].peer.state == PEER_OPEN;
    while (w->opened < f->count && w->opened - open < COMING_AT_ONCE)
        ordinary_open(&f->all[w->opened++], f, now_ns);
    if (w->opened == f->count && open == f->count) {
        publisher_all(&w->publisher, f, 0);
        publisher_begin(&w->publisher);
        for (unsigned i = 0; i < f->count; i++)
            ordinary_waits(&f->all[i], now_ns);
        wait_for_all(w, "open", now_ns);
    }
}

static void look_whether_right(struct world *w, uint64_t now_ns)
{
    struct field *f = &w->field;
    uint64_t ms = (now_ns - w->waits_since_ns) / 1000000;
    unsigned wrong = 0;

    if (!w->waits)
        return;
    while (w->wrong_at < f->count && ordinary_is_right(&f->all[w->wrong_at], f))
        w->wrong_at++;
    if (w->wrong_at < f->count && ms < WAIT_MS)
        return;
    for (unsigned i = w->wrong_at; i < f->count; i++)
        wrong += !ordinary_is_right(&f->all[i], f);
    printf("{\"%s\":%" PRId64 ",\"wrong\":%u,\"clients\":%u}\n", w->waits,
           wrong > 0 ? -1 : (int64_t)ms, wrong, f->count);
    fflush(stdout);
    w->waits = NULL;
    f->unthrottled = false;
}

static void tick(struct world *w, uint64_t now_ns)
{
    if (now_ns < w->tick_ns + TICK_NS)
        return;
    w->tick_ns = now_ns;
    if (!w->publisher.begun)
        open_some(w, now_ns);
    for (unsigned i = 0; i < w->opened; i++) {
        struct ordinary *o = &w->field.all[i];
        if (w->publisher.begun || o->peer.state == PEER_CLOSED)
            ordinary_on_tick(o, &w->field, now_ns);
    }
    look_whether_right(w, now_ns);
}

static void turn(struct world *w)
{
    static struct epoll_event events[EVENTS_MAX];
    uint64_t now = clock_mono_ns(), left;
    struct timespec wait;
    int n;

    left = publisher_run(&w->publisher, &w->field, now);
    if (left > TICK_NS / 2)
        left = TICK_NS / 2;
    wait = (struct timespec){.tv_nsec = (long)left};
    n = epoll_pwait2(w->field.epoll, events, EVENTS_MAX, &wait, NULL);
    now = clock_mono_ns();
    for (int i = 0; i < n; i++) {
        void *who = events[i].data.ptr;
        if (!who)
            read_commands(w, now);
        else if (who == &w->publisher)
            publisher_on_event(&w->publisher, events[i].events);
        else if (((struct peer *)who)->fd >= 0)
            ordinary_on_event(who, &w->field, events[i].events, now);
    }
    tick(w, now);
}

/* --- start --- */

static void usage(void)
{
    fputs("usage: neighbour -p PORT -r REDIS_PORT [-R UPDATES/S] [-C CHANNELS]"
          " [-q QUIET] [-t EACH] [-s BYTES/S] [-c] KIND:COUNT...\n",
          stderr);
    exit(64);
}

static void options(struct world *w, int argc, char **argv)
{
    int o;

    while ((o = getopt(argc, argv, "p:r:R:C:q:t:s:c")) != -1) {
        double value = optarg ? strtod(optarg, NULL) : 0;
        switch (o) {
        case 'p':
            w->field.port = (unsigned)value;
            break;
        case 'r':
            w->redis_port = (unsigned)value;
            break;
        case 'R':
            w->publisher.rate = value;
            break;
        case 'C':
            w->field.channels = (unsigned)value;
            break;
        case 'q':
            w->publisher.quiet = (unsigned)value;
            break;
        case 't':
            w->field.takes = (unsigned)value;
            break;
        case 's':
            w->field.slow_bytes = (unsigned)value;
            break;
        case 'c':
            w->publisher.cache = true;
            break;
        default:
            usage();
        }
    }
}

static void add_clients(struct world *w, const char *spec)
{
    struct field *f = &w->field;
    const char *colon = strchr(spec, ':');
    char name[16] = "";
    enum ordinary_kind kind;
    unsigned n;

    if (!colon || colon - spec >= (int)sizeof name)
        usage();
    memcpy(name, spec, (size_t)(colon - spec));
    kind = ordinary_kind_of(name);
    n = (unsigned)strtoul(colon + 1, NULL, 10);
    if (kind == ORDINARY_KINDS)
        usage();
    f->all = mem_grow(f->all, (f->count + n) * sizeof *f->all);
    for (unsigned i = 0; i < n; i++, f->count++)
        ordinary_init(&f->all[f->count], f, kind, i);
}

int main(int argc, char **argv)
{
    static struct world w = {.field = {.channels = 100,
                                       .stocks = STOCKS,
                                       .takes = 10,
                                       .slow_bytes = 16384}};
    struct field *f = &w.field;
    struct epoll_event input = {.events = EPOLLIN};

    options(&w, argc, argv);
    if (f->port == 0 || w.redis_port == 0 || optind == argc ||
        w.publisher.quiet >= f->channels || f->takes > f->channels)
        usage();
    f->slots = f->channels + f->stocks + ORDINARY_FRESH;
    f->floor = mem_zero(f->slots * sizeof *f->floor);
    f->epoll = epoll_create1(EPOLL_CLOEXEC);
    for (; optind < argc; optind++)
        add_clients(&w, argv[optind]);
    f->ping_every_ns = (uint64_t)PING_EACH_NS * f->count;
    if (f->ping_every_ns < PING_MIN_NS)
        f->ping_every_ns = PING_MIN_NS;
    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    epoll_ctl(f->epoll, EPOLL_CTL_ADD, STDIN_FILENO, &input);
    if (!publisher_open(&w.publisher, f->epoll, w.redis_port, f))
        return 69;
    w.slice_ns = clock_mono_ns();
    while (!w.done)
        turn(&w);
    return 0;
}

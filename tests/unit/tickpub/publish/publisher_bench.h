/*
 * publisher_bench.h -- a publisher of numbered trades on a fake redis_cmd.
 *
 * The clock is the loop's, which stands still while nobody runs it.  Included
 * after cmocka.h, in one file of a program.
 */
#pragma once

#include "common/base/line.h"
#include "tests/unit/tickpub/publish/fake_cmd.h"
#include "tickpub/publish/publish_metrics.h"
#include "tickpub/publish/publisher.h"

enum { QUEUE_MAX = 64 * 1024 };

/* A publisher, mostly of trades of one symbol: one channel, key and shard. */
struct bench {
    uv_loop_t loop;
    struct route_table *routes;
    struct publisher *publisher;
    uint64_t accepted;
    unsigned up, down, room, finished, closed;
    char ids[65536];
};

static inline void on_ready(void *arg)
{
    struct bench *b = arg;

    b->up++;
}

static inline void on_down(void *arg, const char *why, bool refused)
{
    struct bench *b = arg;

    assert_string_equal(why, "lost");
    assert_false(refused);
    b->down++;
}

static inline void on_room(void *arg)
{
    struct bench *b = arg;

    b->room++;
}

static inline void on_finished(void *arg)
{
    struct bench *b = arg;

    b->finished++;
}

static inline void on_closed(void *arg)
{
    struct bench *b = arg;

    b->closed++;
}

static inline struct publisher_options defaults(void)
{
    return (struct publisher_options){.src = "ff",
                                      .shards = 1,
                                      .journal_max_bytes = 1 << 20,
                                      .stream_max = 100,
                                      .price_ttl_ms = 3600 * 1000,
                                      .stale_after_ms = 3600 * 1000,
                                      .queue_max_bytes = QUEUE_MAX,
                                      .max_destinations = 10};
}

static inline struct bench *begin(const struct publisher_options *options)
{
    static const struct publisher_events events = {
        .on_ready = on_ready, .on_down = on_down, .on_room = on_room};
    struct redis_config config = {0};
    struct bench *b = mem_zero(sizeof *b);

    for (int i = 0; i < PUBLISH_METRICS; i++)
        publish_metrics[i].value = 0;
    uv_loop_init(&b->loop);
    b->routes = route_table_new(NULL, NULL);
    b->publisher =
        publisher_new(&b->loop, &config, options, b->routes, &events, b);
    return b;
}

/* Everything is closed in one turn of the loop, whatever was under way. */
static inline void end(struct bench *b)
{
    publisher_close(b->publisher, on_closed, b);
    uv_run(&b->loop, UV_RUN_NOWAIT);
    assert_int_equal(b->closed, 1);
    assert_int_equal(uv_loop_close(&b->loop), 0);
    route_table_free(b->routes);
    free(b);
}

static inline void add_line(struct bench *b, const char *text)
{
    char line[256] = {0};
    struct event ev;
    unsigned column;

    assert_true(strlen(text) + LINE_PAD < sizeof line);
    snprintf(line, sizeof line, "%s", text);
    assert_int_equal(event_read_strict(span_str(line), &ev, &column), EVENT_OK);
    assert_true(publisher_add(b->publisher, &ev));
    b->accepted++;
}

/* Events are numbered from 1. */
static inline void add(struct bench *b)
{
    char line[128];

    snprintf(line, sizeof line,
             "{\"type\":\"trade\",\"symbol\":\"A\",\"time\":1705575041000,"
             "\"price\":1.5,"
             "\"id\":\"%d\"}",
             (int)b->accepted + 1);
    add_line(b, line);
}

static inline void publish(struct bench *b)
{
    add(b);
    publisher_flush(b->publisher);
}

/* Ids of the trades in all commands of this kind that were ever sent, with a
 * space behind each and a '/' behind each command. */
static inline const char *ids(struct bench *b, const char *command)
{
    size_t at = 0;

    b->ids[0] = '\0';
    for (size_t i = 0; i < fake->n_sent; i++) {
        const char *p = fake->sent[i];

        if (strncmp(p, command, strlen(command)) != 0)
            continue;
        while ((p = strstr(p, "\"id\":\""))) {
            p += 6;
            at += (size_t)snprintf(b->ids + at, sizeof b->ids - at, "%d ",
                                   atoi(p));
        }
        at += (size_t)snprintf(b->ids + at, sizeof b->ids - at, "/");
        assert_true(at < sizeof b->ids);
    }
    return b->ids;
}

/* First words of the commands from this one on. */
static inline const char *kinds(struct bench *b, size_t from)
{
    size_t at = 0;

    b->ids[0] = '\0';
    for (size_t i = from; i < fake->n_sent; i++)
        at += (size_t)snprintf(b->ids + at, sizeof b->ids - at, "%.*s ",
                               (int)strcspn(fake->sent[i], " "), fake->sent[i]);
    return b->ids;
}

static inline const char *command_of_kind(const char *kind, unsigned skip)
{
    for (size_t i = 0; i < fake->n_sent; i++) {
        if (strncmp(fake->sent[i], kind, strlen(kind)) == 0 && skip-- == 0)
            return fake->sent[i];
    }
    fail_msg("%s was not sent", kind);
    return NULL;
}

/* As tickpub(1) says under LIMITS. */
static inline struct tally tally(const struct bench *b)
{
    struct tally n = publisher_tally(b->publisher);

    assert_int_equal(b->accepted, n.published + n.stale + n.unconfirmed +
                                      n.refused + n.unsent);
    assert_int_equal(b->accepted, n.journalled + n.dropped + n.lost);
    return n;
}

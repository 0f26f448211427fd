/*
 * stats.h -- what the gateway has done so far, in numbers.
 *
 * expected is delivered + conflated + dropped + queued whenever the fanout is at
 * rest; the metrics say the same.
 *
 * Units       counters count since the start
 */
#pragma once

#include "wsgate/client/clients.h"

struct stats {
    uint64_t clients;          /* connected now */
    uint64_t clients_total;    /* since the start */
    uint64_t clients_behind;   /* waiting for their socket now */
    uint64_t subscriptions;    /* of all clients, patterns count as one */
    uint64_t channels;         /* known now */
    uint64_t groups;           /* of clients with equal subscriptions */
    uint64_t messages_redis;   /* received from Redis */
    uint64_t messages_local;   /* received from standard input */
    uint64_t messages_invalid; /* not JSON, not UTF-8: never forwarded */
    uint64_t expected;         /* messages x clients subscribed */
    uint64_t delivered, conflated, dropped, queued; /* add up to expected */
    uint64_t bytes_sent;
    uint64_t bytes_received;
    uint64_t commands; /* WebSocket messages from clients */
    uint64_t redis_subscriptions, redis_refused;
    uint64_t recovered; /* cached messages told after an outage */
};

void stats_read(const struct clients *registry, struct stats *out);
/* As metrics of Prometheus, from now on. */
void stats_export(struct clients *registry);
/* A command was refused, or a channel of one, with this code. */
void stats_refused(const char *code);
/* A connection ended, with this close code. */
void stats_close(uint16_t code);
/* A client was found so many bytes behind. */
void stats_backlog(uint64_t bytes);

/*
 * peer.h -- one client connection of a load tool: a socket that never blocks,
 * HTTP or WebSocket on it (RFC 6455), thousands of them in one epoll set.
 *
 * Addresses   everything is in 127.0.0.0/8: `from` is the last part of the
 *             address that a peer connects from, 127.0.0.<from>
 * Masks       the masking key of every frame is zero, so that a frame is made
 *             once and sent by thousands: a load tool must not be the bottleneck
 * Bounds      PEER_OUT_MAX bytes wait to be sent: peer_send() refuses more
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/bytes.h"

enum { PEER_OUT_MAX = 4 << 20 };
enum { PEER_TEXT = 1, PEER_CLOSE = 8, PEER_PING = 9, PEER_PONG = 10 };

enum peer_state {
    PEER_CLOSED,
    PEER_CONNECTING,
    PEER_SHAKING, /* the upgrade is not answered yet */
    PEER_OPEN,    /* WebSocket, or a plain connection */
};

enum peer_event {
    PEER_NOTHING,
    PEER_OPENED, /* connected, and where a path was given, upgraded */
    PEER_DATA,
    PEER_REFUSED, /* no connection, or the upgrade was not granted */
    PEER_ENDED,   /* by the other side */
};

struct peer {
    int fd; /* -1: none */
    enum peer_state state;
    bool deaf;        /* is not read now */
    bool watches_out; /* waits for room in the socket */
    const char *path; /* of the upgrade; NULL: a plain connection */
    struct bytes out;
    struct bytes in;
    size_t in_at; /* what of `in` was taken by peer_frame() */
    unsigned close_code;
    uint64_t received; /* bytes, ever */
};

struct peer_frame {
    unsigned opcode;
    struct span payload; /* valid until the next peer_on_event() */
};

void peer_init(struct peer *p);
/* Begins to connect; rcvbuf 0: the kernel's.  False: no socket to be had. */
bool peer_open(struct peer *p, int epoll, unsigned from, unsigned port,
               const char *path, int rcvbuf);
/* rst: as a program that crashes would, else with a FIN. */
void peer_close(struct peer *p, bool rst);
/* What epoll said of it; reads at most read_max bytes. */
enum peer_event peer_on_event(struct peer *p, int epoll, uint32_t events,
                              size_t read_max);
/* The next whole frame of what has come; false: there is none yet. */
bool peer_frame(struct peer *p, struct peer_frame *frame);
/* False: refused, too much waits already. */
bool peer_send(struct peer *p, int epoll, struct span data);
/* Whether something that was sent still waits for the socket. */
bool peer_is_held(const struct peer *p);
void peer_set_deaf(struct peer *p, int epoll, bool deaf);

/* Appends a frame, masked with zero. */
void peer_add_frame(struct bytes *out, unsigned opcode, struct span payload);

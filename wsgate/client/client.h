/*
 * client.h -- one WebSocket connection.
 *
 * A raw non-blocking socket that is watched (watch.h).  Everything that is sent goes
 * through the fanout (fanout.h), so an idle client is this struct and nothing
 * else: no buffers, no parser, no timer of its own.
 *
 * Limits      of answers that it does not read, CLIENT_OUT_BYTES and one
 *             answer more are kept, so that one of any size can be sent; then
 *             it is closed with CLOSE_TOO_SLOW
 *             Who echoes (DIALECT_ECHO) is not read while CLIENT_PAUSE_BYTES
 *             wait, which bounds it: of CLIENT_ECHO_BYTES there is one message
 *             that comes, and one that waits.  It has no allowance.
 * The end     the close frame is the last that is sent.  What comes from the
 *             client then is read and thrown away until it closes, too, for
 *             CLIENT_CLOSE_MS at most: a socket that is closed over unread
 *             bytes is reset, and the close frame lost.
 * Ownership   client_new() takes the socket; the struct is freed in another
 *             turn of the loop than client_close() or client_end(), which may
 *             come while one of its own messages is served
 */
#pragma once

#include "common/base/bytes.h"
#include "common/base/watch.h"
#include "wsgate/channels/activity.h"
#include "wsgate/channels/channel.h"
#include "wsgate/client/allowance.h"
#include "wsgate/fanout/fanout.h"
#include "wsgate/ws/ws_frame.h"

/* Close codes of our own; see docs/protocol.md, Close codes. */
enum {
    CLOSE_BAD_REQUESTS = 4000,
    CLOSE_TOO_MANY = 4100,
    CLOSE_TOO_SLOW = 4101,
    CLOSE_NO_PONG = 4102,
};

enum {
    /* To read a close frame and to close, too; half of it in a drain. */
    CLIENT_CLOSE_MS = 1000,
    CLIENT_OUT_BYTES = 1 << 20,   /* unread answers, and no more are taken */
    CLIENT_PAUSE_BYTES = 32768,   /* of unread answers: read no commands */
    CLIENT_ECHO_BYTES = 16 << 20, /* a message that is echoed */
};

/* What becomes of bytes that a client sends. */
enum client_hears {
    HEARS_FRAMES,
    HEARS_WASTE,   /* they are thrown away */
    HEARS_NOTHING, /* no more come */
};

struct clients;
struct peer;
struct request;
struct snapshots;
struct unserved;
struct late_snapshot;

struct client {
    struct watch watch; /* first: it is the client */
    struct member m;
    struct clients *registry;
    uint64_t id;
    struct peer *peer;
    struct ws_state *ws;         /* only while a message is incomplete */
    struct unserved *unserved;   /* what it sent beyond its turn */
    struct request *requests;    /* subscriptions that wait for Redis */
    struct snapshots *snapshots; /* to be sent when there is room */
    struct late_snapshot *late;  /* to be sent when Redis has answered */
    uint32_t n_late;
    struct allowance allowance;
    uint32_t cost_us;   /* of serving it, at most, of late: slice.h */
    uint32_t bucket_at; /* place in its bucket of the wheel */
    uint16_t close_code;
    uint8_t bucket;
    uint8_t dialect; /* enum dialect */
    uint8_t missed;
    uint8_t hears; /* enum client_hears */
    bool heard, closing, ended, want_write, close_sent;
};

/* How the fanout sends to clients. */
extern const struct fanout_io client_io;

/* socket is moved into it.  NULL: the kernel cannot watch it; it is closed. */
struct client *client_new(struct clients *registry, struct watch *socket,
                          const char *address, enum dialect dialect);
/* Before what it is subscribed to is changed.  To send what the fanout holds
 * may close any client, with its requests.  False: it was this one, and nothing
 * more may be said to it. */
bool client_flush(struct client *c);
/* Whole frames to this client: what it asked for.  Who does not read is closed;
 * who is closing gets no more. */
void client_send(struct client *c, struct span frames);
/* What it did not ask for, and what its sender bounds: that never closes it. */
void client_notify(struct client *c, struct span frames);
/* Say why, give it CLIENT_CLOSE_MS, then end it. */
void client_close(struct client *c, uint16_t code, const char *reason);
/* The same; it is counted as another code. */
void client_close_as(struct client *c, uint16_t code, const char *reason,
                     uint16_t counted);
/* Without another word. */
void client_end(struct client *c, uint16_t code, const char *reason);
size_t client_unread(const struct client *c); /* bytes of answers */
/* Whether it is read may have changed. */
void client_watch(struct client *c);
/* It did something: the rest of `a` is filled in, and whoever listens told. */
void client_tell(const struct client *c, struct activity a);

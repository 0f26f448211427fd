/*
 * dialect.h -- what is spoken at which WebSocket address.
 *
 * One row a dialect: its path, what its clients are subscribed to when they
 * connect, which messages it passes on and how one looks as a frame.  Another
 * dialect is another row and its frame function: no other file knows a path or
 * an envelope.  The native protocol alone has commands, answers and heartbeats
 * (session.h); its frame is made for the channel itself (channel_publish.c),
 * and other dialects only where somebody listens.
 *
 * Pure: no clock, no sockets.
 *
 * Units       sizes are bytes
 * Source      docs/protocol.md, Endpoints
 */
#pragma once

#include "common/base/span.h"

enum dialect {
    DIALECT_NATIVE,
    DIALECT_STOCK, /* {"type","data","source"}, of the stock service only */
    DIALECT_TICKS, /* quotes and trades, as they are */
    DIALECT_ECHO,  /* what a client says comes back; for development */
    DIALECTS,      /* how many */
};

/* What a frame can be made of. */
struct dialect_message {
    struct span channel;
    struct span type;    /* of the payload; empty: it has none */
    struct span payload; /* one JSON value */
    bool local;          /* from standard input, not from Redis */
};

struct dialect_row {
    const char *path;
    bool dev; /* only spoken with --dev */
    /* Subprotocols that may be asked for.  Ends with NULL; NULL: none. */
    const char *const *protocols;
    /* In the mode that the route table gives them.  Ends with NULL.  NULL: its
     * clients subscribe themselves, or never. */
    const char *const *subscriptions;
    /* NULL, as the next two: every message, in the native frame. */
    bool (*accepts)(const struct dialect_message *m);
    /* Of what it accepts.  Writes the frame to `at`, which has max(m) bytes of room.  Returns its
     * length; the payload begins at *data_at. */
    size_t (*max)(const struct dialect_message *m);
    size_t (*frame)(char *at, const struct dialect_message *m, size_t *data_at);
};

const struct dialect_row *dialect_row(enum dialect dialect);
/* A slash at the end, and more than one at the beginning, do not count: what a
 * proxy leaves that takes a prefix off.  False: nothing is spoken there. */
bool dialect_of_path(struct span path, bool dev, enum dialect *dialect);

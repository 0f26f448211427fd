/*
 * http.h -- a small HTTP/1.1 server on libuv and http-parser.
 *
 * Serves /health, /ready and /metrics for every tool (app.c does that with
 * --http) and is the front door of the gateway, which takes the socket over
 * after an upgrade.  Sockets are non-blocking file descriptors, and how they
 * are watched (watch.h) is handed on with them.
 *
 * Bounds: headers HTTP_HEAD_MAX (431), body HTTP_BODY_MAX (413), connections
 * max_conns (503), those of one address max_per_address (429), a whole request
 * within HTTP_REQUEST_MS (408), an answer made within HTTP_ANSWER_MS (504) and
 * read by its client in as much again, idle keep-alive HTTP_IDLE_MS.  Where
 * connections or descriptors are used up, the one that is idle for longest, and
 * for HTTP_SPARE_MS, makes room.  Requests on one connection are answered in
 * order, one a turn of the loop; while one of them waits, for its turn or its
 * answer, the connection is not read.  A turn serves requests for HTTP_TURN_US
 * (and the last of them to its end), those that are left in the next; of that, all
 * that take no socket have HTTP_PLAIN_US, and those of one address (where
 * max_per_address counts them) HTTP_SLICE_US.  Each refusal is counted in tickwire_http_refused_total.
 */
#pragma once

#include <uv.h>

#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include "common/base/watch.h"
#include "common/http/http_network.h"

enum {
    HTTP_HEAD_MAX = 8192,
    HTTP_BODY_MAX = 65536,
    HTTP_CONN_MAX = 1024, /* where http_options.max_conns is 0 */
    HTTP_REQUEST_MS = 5000,
    HTTP_ANSWER_MS = 30000,
    HTTP_IDLE_MS = 60000,
    HTTP_TURN_US = 1000,
    HTTP_PLAIN_US = 250,   /* other than upgrades */
    HTTP_SLICE_US = 100,   /* of one address */
    HTTP_SPARE_MS = 5000,  /* idle for so long, it makes room where it must */
    HTTP_LINGER_MS = 1000, /* after a refusal: what comes is thrown away */
    HTTP_HEADERS_MAX = 64,
};

struct http_server;
struct http_conn;

struct http_header {
    struct span name, value;
};

/* Valid inside the handler. */
struct http_request {
    struct span method; /* "GET" */
    struct span path;   /* percent-decoded, without the query */
    struct span query;  /* raw, without '?' */
    struct span body;
    struct http_header headers[HTTP_HEADERS_MAX];
    unsigned n_headers;
    bool upgrade; /* Connection: Upgrade and an Upgrade header */
    /* Address of the client, canonical, without a port; and what limits by
     * address count, which is its /64 for IPv6 (http_address.h). */
    char peer[HTTP_ADDRESS_TEXT], bucket[HTTP_ADDRESS_TEXT];
};

/* Answers with http_respond() at once or later; or takes the socket. */
typedef void http_handler(void *arg, struct http_conn *conn,
                          const struct http_request *req);

struct http_options {
    unsigned max_conns;       /* 0: HTTP_CONN_MAX */
    unsigned max_per_address; /* 0: max_conns; trusted proxies may have more */
    bool reuse_port;
    int backlog;     /* 0: 511 */
    bool background; /* does not keep the loop alive */
    /* Proxies that are believed when they say who a client is. */
    struct http_networks trust_proxy;
};

/* listen: "HOST:PORT", "[::1]:PORT", ":PORT"; port 0 picks a free one.  The
 * error begins with that text; the caller puts the name of its option in
 * front. */
struct http_server *http_server_new(uv_loop_t *loop, const char *listen,
                                    const struct http_options *options,
                                    http_handler *handler, void *arg,
                                    struct err *err);
unsigned http_server_port(const struct http_server *s);
/* Was it accepted at an address that only this machine can connect to? */
bool http_conn_is_loopback(const struct http_conn *conn);
void http_server_stop_accepting(struct http_server *s);
/* Closes the listener and every connection; frees in close callbacks. */
void http_server_close(struct http_server *s);

/* extra: NULL or whole header lines, each ended by CRLF.  No cache keeps the
 * answer unless they say Cache-Control, and no browser guesses its type.  Copies
 * the body. */
void http_respond(struct http_conn *conn, int status, const char *type,
                  const char *extra, struct span body);
void http_respond_json(struct http_conn *conn, int status, struct span json);

/* Instead of an answer: these bytes, as they are, and the end.  What the client
 * sends then is read and thrown away until it closes, for HTTP_LINGER_MS at
 * most.  Copies the bytes. */
void http_finish(struct http_conn *conn, struct span last);

/* For answers that come later: a reference keeps conn valid (not open). */
struct http_conn *http_conn_ref(struct http_conn *conn);
void http_conn_unref(struct http_conn *conn);
bool http_conn_open(const struct http_conn *conn);

/* Takes the non-blocking socket, as a watch that its owner closes (socket->fd,
 * too); `early` gets a span of bytes that the client already sent after the
 * request, valid inside the handler.  The connection is gone for the server
 * afterwards. */
void http_conn_take(struct http_conn *conn, struct span *early,
                    struct watch *socket);

/* Case-insensitive; empty span where absent. */
struct span http_header(const struct http_request *req, const char *name);
/* Decoded value of a query parameter, copied to out; false where absent (or
 * its escapes are not valid). */
bool http_query(const struct http_request *req, const char *name,
                struct bytes *out);

/* Split "HOST:PORT"; also used for --listen checks.  host is NUL-terminated;
 * empty: every address. */
bool http_listen_parse(const char *text, char host[256], unsigned *port,
                       struct err *err);

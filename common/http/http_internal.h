/*
 * http_internal.h -- what the parts of the HTTP server know of each other.
 */
#pragma once

#include <netinet/in.h>

#include "common/base/metrics.h"
#include "common/base/table.h"
#include "common/http/http.h"

/* --- http_strict.c: the framing, as in the grammar and not otherwise --- */

struct http_strict {
    int state;
    unsigned count; /* of bytes in the present part */
    uint64_t left;  /* of a chunk's data */
    bool chunks;
};

/* What follows is a request; a chunked body. */
void http_strict_head(struct http_strict *s);
void http_strict_chunks(struct http_strict *s);
/* How much of text belongs to the head (or to the body), up to its end or to
 * what is wrong.  *refuse: 0, or the status to refuse the first byte with. */
size_t http_strict_look(struct http_strict *s, struct span text, int *refuse);
/* Has the request line not ended yet? */
bool http_strict_in_line(const struct http_strict *s);

/* --- http_request.c: one request, read piece by piece --- */

enum http_parse_result {
    HTTP_PARSE_MORE,
    HTTP_PARSE_DONE, /* request is whole; bytes after it are left over */
    HTTP_PARSE_BAD,  /* answer `refuse` and close */
};

/* Offsets, not pointers: buf grows. */
struct http_piece {
    uint32_t at, len;
};

/* http_request.c allocates it together with the parser that it uses. */
struct http_parse {
    struct bytes buf;
    size_t fed; /* bytes of buf that the parser has seen */
    struct http_strict strict;
    struct http_piece url, body;
    struct http_piece names[HTTP_HEADERS_MAX], values[HTTP_HEADERS_MAX];
    unsigned n_headers;
    bool in_value, head_done, complete;
    bool expects; /* 100-continue asked for and not yet given */
    /* Of a request that is whole. */
    bool keep_alive, upgrade, head_only;
    int refuse;
    struct http_parse *next; /* in the server's pool */
};

struct http_parse *http_parse_new(void);
void http_parse_free(struct http_parse *p);
/* Look at what was appended to p->buf. */
enum http_parse_result http_parse_feed(struct http_parse *p);
/* After DONE: fill req with spans into p->buf; 0, or the status to refuse
 * with. */
int http_parse_request(struct http_parse *p, struct http_request *req);
/* Forget the request that is done; bytes after it stay. */
void http_parse_next(struct http_parse *p);

/* --- http_peer.c: who is at the other end --- */

/* Logged once a minute at most. */
struct http_said {
    uint64_t again_ms; /* not before */
    uint64_t count;    /* since it was */
};

/* Fills req->peer and req->bucket; counts and logs what a proxy says that
 * cannot be read. */
void http_peer_request(struct http_conn *conn, struct http_request *req);
/* What came first may be the PROXY header of a trusted proxy, which is taken
 * off; the connection is that client's then.  0: go on; -1: more has to come;
 * or the status to refuse with. */
int http_peer_begin(struct http_conn *conn);
void http_peer_export(void); /* its metrics */

/* --- http_bucket.c: connections by address --- */

/* Of one bucket (http_address.h): how many connections are open. */
struct http_bucket {
    struct node node;
    struct in6_addr at;
    unsigned count;
    unsigned leaving; /* of them, refused and only seen out (HTTP_LINGER) */
    uint64_t turn, used_ns; /* until that turn: http_turn.c */
};

enum { HTTP_LEAVING_MAX = 64 }; /* of a bucket, or as many as may be open */

void http_bucket_init(struct table *buckets);
/* Fewer than max_per_address are open from there; those that leave are bounded
 * apart.  Trusted proxies always have room: their connections are those of
 * many. */
bool http_bucket_has_room(const struct http_server *s,
                          const struct in6_addr *peer);
/* One more is open; NULL where nobody counts. */
struct http_bucket *http_bucket_enter(struct http_server *s,
                                      const struct in6_addr *peer);
/* It leaves: it will be gone soon, and holds up none that comes. */
void http_bucket_leaving(struct http_bucket *bucket);
/* It stays, as if one more were open, until http_bucket_leave(); NULL: nothing. */
void http_bucket_hold(struct http_bucket *bucket);
void http_bucket_leave(struct http_server *s, struct http_bucket *bucket,
                       bool was_leaving);

/* --- http_head.c: what its fields must say --- */

/* Of a head that is whole: 0, or the status to refuse it with. */
int http_head_check(const struct http_parse *p, unsigned major, unsigned minor);
bool http_head_expects(const struct http_parse *p); /* 100-continue */
/* Connection names it: "close".  http-parser gives up at the first element that
 * is empty, which RFC 9110 5.6.1.2 wants ignored. */
bool http_head_connection(const struct http_parse *p, const char *option);
bool http_head_upgrades(const struct http_parse *p); /* asks for an Upgrade */
/* Of field i; a value without the white space around it. */
struct span http_head_name(const struct http_parse *p, unsigned i);
struct span http_head_value(const struct http_parse *p, unsigned i);
bool http_head_same(struct span s, const char *word); /* but for its case */

/* --- http_conn.c: one connection --- */

enum http_state {
    HTTP_READING,  /* waiting for a request, or for the rest of one */
    HTTP_QUEUED,   /* a whole one waits for its turn; nothing is read */
    HTTP_HANDLING, /* the handler has it */
    HTTP_WRITING,  /* the client reads slowly */
    HTTP_LINGER,   /* refused; let it read why before the reset */
    HTTP_GONE,     /* closed or taken */
};

/* One list for each kind of waiting: as all in it wait equally long, the list
 * is in the order of its deadlines, and one timer serves all connections. */
enum http_wait {
    HTTP_WAIT_REQUEST,
    HTTP_WAIT_IDLE,
    HTTP_WAIT_ANSWER,
    HTTP_WAIT_LINGER,
    HTTP_WAIT_TIMED,
    /* Without a deadline: to be served in this round, or in the next. */
    HTTP_WAIT_ROUND = HTTP_WAIT_TIMED,
    HTTP_WAIT_TURN,
    HTTP_WAIT_UPGRADE_ROUND, /* the same for those that ask for an upgrade */
    HTTP_WAIT_UPGRADE_TURN,
    HTTP_WAITS,
};

struct http_link {
    struct http_link *prev, *next;
};

struct http_conn {
    struct http_link link; /* first: a link is its connection */
    struct http_server *server;
    struct http_parse *parse;   /* what came of a request; NULL: nothing */
    struct http_parse *current; /* the one that the handler is looking at */
    struct bytes out;           /* what a slow client has not taken */
    size_t sent;
    uint64_t deadline_ms; /* uv_now() */
    struct watch watch;   /* open once it had to wait */
    int fd;               /* -1: gone */
    unsigned refs;
    enum http_state state;
    enum http_wait waiting;
    bool begun;           /* what came first was no PROXY header, or is off */
    bool serving;         /* inside http_conn_serve() */
    bool taken;           /* by http_conn_take() */
    bool keep_alive;      /* after the present request */
    bool abrupt;          /* the client may be sending still when we close */
    bool head_only;       /* HEAD */
    struct in6_addr peer; /* IPv4 as ::ffff:a.b.c.d */
    struct http_bucket *bucket; /* that counts it, or NULL */
};

/* Takes the socket over; runs what is already there. */
void http_conn_start(struct http_server *s, int fd,
                     const struct in6_addr *peer);
/* Closes the socket and drops the server's reference. */
void http_conn_close(struct http_conn *conn);
/* Its deadline has passed. */
void http_conn_late(struct http_conn *conn);
/* What is in out has been sent, or nothing was left to wait. */
void http_conn_answered(struct http_conn *conn);
/* Its turn has come: hand the request to the handler. */
void http_conn_serve(struct http_conn *conn);

/* --- http_wait.c: lists of those who wait --- */

void http_wait_init(struct http_server *s);
bool http_wait_is_empty(const struct http_link *list);
/* Into this list, and out of the one that it is in. */
void http_wait_append(struct http_conn *conn, enum http_wait kind);
void http_wait_for(struct http_conn *conn, enum http_wait kind); /* timed */
void http_wait_end(struct http_conn *conn);
/* Ends what is late. */
void http_wait_tick(struct http_server *s);

/* --- http_turn.c: requests, in turns of the loop --- */

void http_turn_init(struct http_server *s);
/* Serve it now where there is time, else in another turn. */
void http_turn_take(struct http_conn *conn);
/* Serve it in another turn. */
void http_turn_wait(struct http_conn *conn);

/* --- http_response.c --- */

/* Send head and body; what the socket does not take goes to conn->out. */
void http_conn_write(struct http_conn *conn, struct span head,
                     struct span body);
/* More of conn->out; true: all is sent (or the connection is gone). */
bool http_conn_push(struct http_conn *conn);
const char *http_status_text(int status);

/* --- http.c --- */

struct http_server {
    uv_loop_t *loop;
    struct http_options options;
    http_handler *handler;
    void *arg;
    int fd;
    unsigned port;
    struct watches *watches; /* connections */
    uv_poll_t listener;
    uv_timer_t timer;
    uv_idle_t turns; /* active while requests wait for one */
    uv_prepare_t turn_begins;
    uint64_t turn, turn_ns; /* this turn; spent in it */
    uint64_t plain_ns;      /* of that, on all but those that were taken */
    struct http_link waits[HTTP_WAITS];
    unsigned n_conns; /* open */
    struct table buckets;
    unsigned refs; /* handles and connections, freed at 0 */
    bool accepting, closing;
    bool loopback;            /* bound to such an address */
    uint64_t accept_again_ms; /* out of descriptors until then; 0: no */
    struct http_said unreadable, proxy_refused;
    struct http_parse *pool;
    unsigned n_pool;
    struct bytes scratch; /* where response heads are made */
    char date[40];        /* of date_s */
    int64_t date_s;
};

struct http_parse *http_server_take_parse(struct http_server *s);
void http_server_give_parse(struct http_server *s, struct http_parse *p);
void http_server_unref(struct http_server *s);

enum http_refused {
    HTTP_REFUSED_CONNS,
    HTTP_REFUSED_HEAD,
    HTTP_REFUSED_BODY,
    HTTP_REFUSED_SLOW,
    HTTP_REFUSED_BAD,
    HTTP_REFUSED_LATE, /* no answer, or not read in time */
    HTTP_REFUSED_FDS,
    HTTP_REFUSED_ADDRESS, /* too many connections from there */
    HTTP_REFUSED_PROXY,   /* PROXY header: bad, or of who is not trusted */
    HTTP_REFUSED_KINDS,
};
void http_count_refused(enum http_refused why);
void http_count_request(void);
void http_count_conn(struct http_server *s, int change); /* +1, -1 */

/* --- http_listen.c --- */

/* A bound, listening, non-blocking socket, or -1. */
int http_listen_open(const char *text, const struct http_options *options,
                     unsigned *port, struct err *err);

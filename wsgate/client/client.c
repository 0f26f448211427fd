#include "wsgate/client/client.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "wsgate/channels/upstream.h"
#include "wsgate/client/clients.h"
#include "wsgate/client/session.h"
#include "wsgate/client/snapshot.h"
#include "wsgate/client/stats.h"

enum { TOKEN = 1000, ANSWERS_KEEP_BYTES = 1 << 20 };

#define client_of(member) node_of(struct client, m, member)

/* --- sending: what the fanout asks for --- */

static ssize_t io_send(struct member *m, const struct iovec *iov, unsigned n)
{
    ssize_t sent;

    do {
        if (n == 1) {
            sent = send(m->fd, iov->iov_base, iov->iov_len,
                        MSG_NOSIGNAL | MSG_DONTWAIT);
        } else {
            /* sendmsg() only reads it. */
            struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov,
                                 .msg_iovlen = n};
            sent = sendmsg(m->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
        }
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return sent;
    return errno == EWOULDBLOCK || errno == ENOBUFS ? -EAGAIN : -errno;
}

static void on_poll(uv_poll_t *poll, int status, int events);

static void watch(struct client *c)
{
    int events = c->want_write ? UV_WRITABLE : 0;

    if (c->ended)
        return;
    /* What is thrown away needs no room for an answer. */
    if (c->hears == HEARS_WASTE ||
        (c->hears == HEARS_FRAMES && client_unread(c) < CLIENT_PAUSE_BYTES))
        events |= UV_READABLE;
    uv_poll_start(&c->poll, events, on_poll);
}

static void io_want_writable(struct member *m, bool on)
{
    struct client *c = client_of(m);

    if (c->want_write == on)
        return;
    c->want_write = on;
    watch(c);
}

static void io_lost(struct member *m, enum fanout_lost why, int errnum)
{
    struct client *c = client_of(m);

    if (why == FANOUT_LOST_SLOW)
        client_close(c, CLOSE_TOO_SLOW, "too slow for mode all");
    else if (why == FANOUT_LOST_ANSWERS)
        client_close(c, CLOSE_TOO_SLOW, "does not read its answers");
    else
        client_end(c, WS_CLOSE_ABNORMAL, strerror(errnum));
}

const struct fanout_io client_io = {
    .send = io_send, .want_writable = io_want_writable, .lost = io_lost};

size_t client_unread(const struct client *c)
{
    return fanout_unsent(&c->m);
}

void client_send(struct client *c, struct span frames)
{
    if (!c->ended && !c->closing && frames.len > 0)
        fanout_send(c->registry->fanout, &c->m, frames);
}

void client_notify(struct client *c, struct span frames)
{
    if (!c->ended && !c->closing && frames.len > 0)
        fanout_notify(c->registry->fanout, &c->m, frames);
}

/* Its end has a line of its own (client_end()). */
static void log_activity(const struct client *c, const struct activity *a)
{
    static const char *const events[] = {
        [ACTIVITY_CONNECT] = "client_connect",
        [ACTIVITY_SUBSCRIBE] = "client_subscribe",
        [ACTIVITY_UNSUBSCRIBE] = "client_unsubscribe",
    };

    if (a->action == ACTIVITY_CONNECT)
        log_debug(events[a->action], "client=%" PRIu64 " peer=%s path=%s",
                  c->id, c->peer->address,
                  dialect_row((enum dialect)c->dialect)->path);
    else if (a->action != ACTIVITY_DISCONNECT)
        log_debug(events[a->action], "client=%" PRIu64 " channel=%s", c->id,
                  LOG_Q(a->channel));
}

void client_tell(const struct client *c, struct activity a)
{
    const struct clients *registry = c->registry;

    if (log_is_on(LOG_LEVEL_DEBUG))
        log_activity(c, &a);
    if (!registry->on_activity)
        return;
    a.client = c->id;
    a.peer = c->peer->address;
    registry->on_activity(registry->on_activity_arg, &a);
}

bool client_flush(struct client *c)
{
    upstream_flush(c->registry->upstream);
    return !c->ended && !c->closing;
}

/* --- the end --- */

static bool echoes(const struct client *c)
{
    return c->dialect == DIALECT_ECHO;
}

static struct ws_pool *pool_of(const struct client *c)
{
    return echoes(c) ? c->registry->echo_pool : c->registry->pool;
}

static void on_closed(uv_handle_t *h)
{
    struct client *c = (struct client *)h;
    struct clients *registry = c->registry;

    close(c->m.fd);
    /* Not sooner: it may be one of its own messages that ended the client. */
    ws_state_free(pool_of(c), c->ws);
    free(c);
    if (--registry->count == 0 && registry->on_empty)
        registry->on_empty(registry->on_empty_arg);
}

/* Subscriptions and everything that is kept for later. */
static void let_go(struct client *c)
{
    c->registry->ends++;
    session_end(c);
    fanout_leave(c->registry->fanout, &c->m);
}

void client_end(struct client *c, uint16_t code, const char *reason)
{
    struct clients *registry = c->registry;

    if (c->ended)
        return;
    c->ended = true;
    if (c->close_code == 0) {
        c->close_code = code;
        stats_close(code);
    }
    log_debug("client_close", "client=%" PRIu64 " peer=%s code=%u why=\"%s\"",
              c->id, c->peer->address, c->close_code, reason);
    let_go(c);
    client_tell(c, (struct activity){.action = ACTIVITY_DISCONNECT,
                                     .close_code = c->close_code,
                                     .close_why = reason});
    fanout_forget(registry->fanout, &c->m);
    clients_remove(registry, c);
    uv_close((uv_handle_t *)&c->poll, on_closed);
}

/* Our close frame has gone: no more from us.  To close the socket now would
 * turn bytes that still come into a reset, which can overtake the frame: what
 * comes is read and thrown away until the client has closed, too. */
static void half_close(struct client *c)
{
    if (!c->closing || c->ended || c->close_sent || !fanout_is_drained(&c->m))
        return;
    c->close_sent = true;
    if (c->hears == HEARS_NOTHING) {
        client_end(c, c->close_code, "closed");
        return;
    }
    c->hears = HEARS_WASTE;
    shutdown(c->m.fd, SHUT_WR);
    watch(c);
}

/* As the last frame: this code and reason.  The other code is what the end is
 * counted as. */
static void close_with(struct client *c, uint16_t code, const char *reason,
                       uint16_t counted)
{
    struct bytes frame = {0};

    c->closing = true;
    c->close_code = counted;
    stats_close(counted);
    let_go(c);
    ws_close_add(&frame, code, reason);
    fanout_notify(c->registry->fanout, &c->m, bytes_span(&frame));
    bytes_close(&frame);
    if (c->ended)
        return;
    clients_leaving(c->registry, c);
    half_close(c);
}

void client_close(struct client *c, uint16_t code, const char *reason)
{
    if (!c->closing && !c->ended)
        close_with(c, code, reason, code);
}

/* --- receiving --- */

static uint32_t now32(void)
{
    return (uint32_t)clock_mono_ms();
}

/* One message of its allowance; false: there is none left. */
static bool take_token(struct client *c)
{
    const struct clients_options *o = &c->registry->options;
    uint32_t now = now32(), max = (uint32_t)(o->command_burst * TOKEN);
    double more = (double)(now - c->tokens_ms) * o->command_rate;

    c->tokens_ms = now;
    c->tokens =
        more >= (double)(max - c->tokens) ? max : c->tokens + (uint32_t)more;
    if (c->tokens < TOKEN)
        return false;
    c->tokens -= TOKEN;
    return true;
}

/* What was gathered of a read.  A buffer that had to grow for it is not kept. */
static void send_answers(struct client *c, struct bytes *out)
{
    if (echoes(c)) /* bounded by what is read */
        client_notify(c, bytes_span(out));
    else
        client_send(c, bytes_span(out));
    bytes_clear(out);
    if (out->cap > ANSWERS_KEEP_BYTES)
        bytes_close(out);
}

static void got_close(struct client *c, uint16_t code, struct bytes *out)
{
    /* What was asked before is answered, then the code comes back. */
    send_answers(c, out);
    if (c->ended)
        return;
    c->hears = HEARS_WASTE;
    if (!c->closing)
        close_with(c, code == WS_CLOSE_NONE ? WS_CLOSE_NORMAL : code, "", code);
    if (!c->ended)
        watch(c);
}

struct reading {
    struct client *client;
    struct bytes *out; /* answers, sent when all that came was read */
};

static bool on_frame(void *arg, enum ws_kind kind, struct span payload,
                     uint16_t code)
{
    const struct reading *reading = arg;
    struct client *c = reading->client;
    struct bytes *out = reading->out;

    if (kind == WS_CLOSE) {
        got_close(c, code, out);
        return false;
    }
    if (c->closing)
        return true; /* it has not seen our close frame yet */
    if (kind == WS_PONG)
        return true;
    if (!echoes(c) && !take_token(c)) {
        /* What was asked before is answered. */
        send_answers(c, out);
        client_close(c, CLOSE_TOO_MANY, "too many requests");
        return false;
    }
    if (kind == WS_PING) {
        ws_frame_add(out, WS_OP_PONG, payload);
        return true;
    }
    c->registry->commands++;
    if (echoes(c))
        ws_frame_add(out, kind == WS_TEXT ? WS_OP_TEXT : WS_OP_BINARY, payload);
    else
        session_text(c, payload, out);
    if (out->len >= CLIENT_PAUSE_BYTES)
        send_answers(c, out);
    return !c->closing && !c->ended;
}

void client_got(struct client *c, struct span bytes)
{
    struct clients *registry = c->registry;
    struct reading reading = {.client = c, .out = &registry->answers};
    const char *why = NULL;
    uint16_t code;

    c->heard = true;
    registry->bytes_received += bytes.len;
    bytes_clear(&registry->answers);
    code = ws_read(pool_of(c), &c->ws, bytes, on_frame, &reading, &why);
    if (c->ended)
        return;
    if (registry->answers.len > 0)
        send_answers(c, &registry->answers);
    if (code != 0) {
        client_close(c, code, why);
        /* After an error nothing that follows makes sense. */
        c->hears = HEARS_WASTE;
        watch(c);
    } else if (!c->closing && !c->ended) {
        snapshots_pump(c);
    }
}

/* No more comes.  Who said so with a close frame may still read. */
static void got_end(struct client *c)
{
    c->hears = HEARS_NOTHING;
    if (!c->closing || c->close_sent)
        client_end(c, WS_CLOSE_ABNORMAL, c->closing ? "closed" : "gone");
    else
        watch(c);
}

static void read_some(struct client *c)
{
    ssize_t n = recv(c->m.fd, c->registry->read_buf, CLIENT_READ_BYTES, 0);

    if (n > 0) {
        if (c->hears == HEARS_FRAMES)
            client_got(c, span_make(c->registry->read_buf, (size_t)n));
    } else if (n == 0) {
        got_end(c);
    } else if (errno != EAGAIN && errno != EINTR) {
        client_end(c, WS_CLOSE_ABNORMAL, strerror(errno));
    }
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct client *c = (struct client *)poll;

    if (status < 0) {
        client_end(c, WS_CLOSE_ABNORMAL, uv_strerror(status));
        return;
    }
    if (events & UV_WRITABLE) {
        size_t unread = client_unread(c);

        stats_backlog(fanout_owed_bytes(&c->m) + unread);
        fanout_resume(c->registry->fanout, &c->m);
        if (c->ended)
            return;
        /* Its pong may have to wait until all of this is read. */
        if (client_unread(c) < unread)
            c->heard = true;
        half_close(c);
        if (!c->closing)
            snapshots_pump(c);
        watch(c); /* it may read commands again */
    }
    if (!c->ended && (events & UV_READABLE)) {
        read_some(c);
        if (client_unread(c) >= CLIENT_PAUSE_BYTES)
            watch(c);
    }
}

/* --- the beginning --- */

static void tune(const struct clients_options *o, int fd)
{
    int one = 1, notsent = (int)o->notsent_bytes, buf = (int)o->sndbuf_bytes;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (notsent > 0)
        setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &notsent,
                   sizeof notsent);
    if (buf > 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buf, sizeof buf);
}

struct client *client_new(struct clients *registry, int fd, const char *address,
                          enum dialect dialect)
{
    struct client *c = mem_zero(sizeof *c);

    if (uv_poll_init(registry->loop, &c->poll, fd) != 0) {
        close(fd);
        free(c);
        return NULL;
    }
    tune(&registry->options, fd);
    c->m.fd = fd;
    c->registry = registry;
    c->id = ++registry->next_id;
    c->dialect = (uint8_t)dialect;
    c->heard = true;
    c->tokens = (uint32_t)(registry->options.command_burst * TOKEN);
    c->tokens_ms = now32();
    clients_add(registry, c, address);
    uv_poll_start(&c->poll, UV_READABLE, on_poll);
    client_tell(c, (struct activity){.action = ACTIVITY_CONNECT});
    return c;
}

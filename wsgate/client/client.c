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
#include "wsgate/client/inbox.h"
#include "wsgate/client/session.h"
#include "wsgate/client/snapshot.h"
#include "wsgate/client/stats.h"

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

/* Snapshots that wait; where its address has nothing left they come in another
 * turn. */
static void show_more(struct client *c)
{
    uint64_t began_ns;

    if (!c->snapshots) {
        snapshots_pump(c); /* it may go on */
    } else if (inbox_may_work(c)) {
        began_ns = clock_mono_ns();
        snapshots_pump(c);
        if (!c->ended)
            inbox_worked(c, began_ns);
    } else {
        inbox_wait(c);
    }
}

static void on_ready(struct watch *w, int status, int events);

/* It has taken all, and more comes in its turn: not because there is room, which
 * would be told in every turn. */
static bool waits_for_turn(const struct client *c)
{
    return c->snapshots && !c->closing && client_unread(c) == 0 &&
           inbox_has_turn(c);
}

void client_watch(struct client *c)
{
    int events = c->want_write && !waits_for_turn(c) ? UV_WRITABLE : 0;

    if (c->ended)
        return;
    /* What is thrown away needs no room for an answer. */
    if (c->hears == HEARS_WASTE || (c->hears == HEARS_FRAMES && !c->unserved &&
                                    client_unread(c) < CLIENT_PAUSE_BYTES))
        events |= UV_READABLE;
    watch_for(&c->watch, events, on_ready); /* it was before: no failure */
}

static void io_want_writable(struct member *m, bool on)
{
    struct client *c = client_of(m);

    if (c->want_write == on)
        return;
    c->want_write = on;
    if (!on)
        inbox_go_on(c); /* it was not told that there is room */
    client_watch(c);
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

static void on_closed(struct watch *w)
{
    struct client *c = (struct client *)w;
    struct clients *registry = c->registry;

    close(c->m.fd);
    /* Not sooner: it may be one of its own messages that ended the client. */
    ws_state_free(inbox_pool(c), c->ws);
    free(c);
    if (--registry->count == 0 && registry->on_empty)
        registry->on_empty(registry->on_empty_arg);
}

/* Subscriptions and everything that is kept for later. */
static void let_go(struct client *c)
{
    c->registry->ends++;
    inbox_drop(c);
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
    watch_close(&c->watch, on_closed);
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
    client_watch(c);
}

void client_close_as(struct client *c, uint16_t code, const char *reason,
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
    client_watch(c); /* it waits for no turn any more */
    half_close(c);
}

void client_close(struct client *c, uint16_t code, const char *reason)
{
    if (!c->closing && !c->ended)
        client_close_as(c, code, reason, code);
}

static void on_ready(struct watch *w, int status, int events)
{
    struct client *c = (struct client *)w;

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
            show_more(c);
        inbox_go_on(c);
        client_watch(c); /* it may read commands again */
    }
    if (!c->ended && (events & UV_READABLE)) {
        inbox_read(c);
        if (client_unread(c) >= CLIENT_PAUSE_BYTES)
            client_watch(c);
    }
}

/* --- the beginning --- */

/* TCP_NODELAY it has from the listening socket (http_listen.c). */
static void tune(const struct clients_options *o, int fd)
{
    int notsent = (int)o->notsent_bytes, buf = (int)o->sndbuf_bytes;

    if (notsent > 0)
        setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &notsent,
                   sizeof notsent);
    if (buf > 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buf, sizeof buf);
}

static void on_unwatched(struct watch *w)
{
    close(w->fd);
    free(w);
}

struct client *client_new(struct clients *registry, struct watch *socket,
                          const char *address, enum dialect dialect)
{
    struct client *c = mem_zero(sizeof *c);

    watch_move(&c->watch, socket);
    if (!watch_for(&c->watch, UV_READABLE, on_ready)) {
        watch_close(&c->watch, on_unwatched);
        return NULL;
    }
    c->m.fd = c->watch.fd;
    tune(&registry->options, c->m.fd);
    c->registry = registry;
    c->id = ++registry->next_id;
    c->dialect = (uint8_t)dialect;
    c->heard = true;
    allowance_open(&c->allowance, &registry->options.allowance,
                   (uint32_t)clock_mono_ms());
    clients_add(registry, c, address);
    client_tell(c, (struct activity){.action = ACTIVITY_CONNECT});
    return c;
}

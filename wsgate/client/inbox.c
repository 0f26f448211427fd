#include "wsgate/client/inbox.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/base/clock.h"
#include "wsgate/client/session.h"
#include "wsgate/client/slice.h"
#include "wsgate/client/snapshot.h"

enum {
    WAITERS_NS = 300000,
    WAITERS_MAX = 1024, /* looked at in a turn */
};

/* What a client sent beyond its slice. */
struct unserved {
    struct client *client;
    struct unserved *next, **at; /* at NULL: it is not in the queue */
    struct bytes rest;
    size_t buffered; /* bytes before those, that the parser holds */
    bool unread;     /* it lies in the socket */
};

struct inboxes {
    struct clients *registry;
    char *buf;
    struct bytes answers; /* to the client that is served */
    struct unserved *first, **last;
    uint32_t n; /* that wait for a turn */
    struct slices slices;
    uv_prepare_t prepare; /* a turn ends */
    uv_idle_t idle;       /* while something waits, nobody sleeps */
};

struct serving {
    struct client *client;
    struct bytes *out; /* answers, sent when all that came was read */
    uint64_t until_ns; /* the end of the slice */
    int64_t counted;   /* bytes of messages */
    bool paused;
};

static bool echoes(const struct client *c)
{
    return c->dialect == DIALECT_ECHO;
}

struct ws_pool *inbox_pool(const struct client *c)
{
    return echoes(c) ? c->registry->echo_pool : c->registry->pool;
}

/* --- what waits --- */

static void queue(struct inboxes *all, struct unserved *u)
{
    if (u->at)
        return;
    u->next = NULL;
    u->at = all->last;
    *all->last = u;
    all->last = &u->next;
    all->n++;
}

static void unqueue(struct inboxes *all, struct unserved *u)
{
    if (!u->at)
        return;
    *u->at = u->next;
    if (u->next)
        u->next->at = u->at;
    else
        all->last = u->at;
    u->at = NULL;
    all->n--;
}

static struct unserved *take_first(struct inboxes *all)
{
    struct unserved *u = all->first;

    all->first = u->next;
    if (u->next)
        u->next->at = &all->first;
    else
        all->last = &all->first;
    u->at = NULL;
    all->n--;
    return u;
}

static void on_idle(uv_idle_t *idle);

/* Who has answers to read waits for that, not for a turn. */
static void wait_turn(struct client *c)
{
    struct inboxes *all = c->registry->inboxes;

    if (client_unread(c) >= CLIENT_PAUSE_BYTES)
        return;
    queue(all, c->unserved);
    if (!uv_is_active((uv_handle_t *)&all->idle))
        uv_idle_start(&all->idle, on_idle);
}

static void keep_rest(struct client *c, struct span rest, size_t buffered)
{
    c->unserved = mem_zero(sizeof *c->unserved);
    c->unserved->client = c;
    c->unserved->buffered = buffered;
    bytes_add_span(&c->unserved->rest, rest);
    wait_turn(c);
}

void inbox_wait(struct client *c)
{
    if (!c->unserved)
        keep_rest(c, span_make("", 0), 0);
    client_watch(c);
}

/* It was readable when its address had nothing left.  A socket that stays watched
 * is found ready in every turn, and costs the others as much as a message. */
static void wait_to_be_read(struct client *c)
{
    if (!c->unserved) {
        keep_rest(c, span_make("", 0), 0);
        c->unserved->unread = true;
    }
    client_watch(c);
}

static void unserved_free(struct unserved *u)
{
    bytes_close(&u->rest);
    free(u);
}

void inbox_drop(struct client *c)
{
    if (!c->unserved)
        return;
    unqueue(c->registry->inboxes, c->unserved);
    unserved_free(c->unserved);
    c->unserved = NULL;
}

void inbox_go_on(struct client *c)
{
    if (c->unserved)
        wait_turn(c);
}

bool inbox_has_turn(const struct client *c)
{
    return c->unserved && c->unserved->at;
}

/* --- its slice of a turn --- */

bool inbox_may_work(struct client *c)
{
    return slice_left_ns(&c->registry->inboxes->slices, c) > 0;
}

void inbox_worked(struct client *c, uint64_t began_ns)
{
    slice_used(&c->registry->inboxes->slices, c, clock_mono_ns() - began_ns);
}

/* --- messages --- */

/* What was gathered.  A buffer that had to grow for it is not kept. */
static void send_answers(struct client *c, struct bytes *out)
{
    if (echoes(c)) /* bounded by what is read */
        client_notify(c, bytes_span(out));
    else
        client_send(c, bytes_span(out));
    bytes_clear(out);
    if (out->cap > INBOX_KEEP_BYTES)
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
        client_close_as(c, code == WS_CLOSE_NONE ? WS_CLOSE_NORMAL : code, "",
                        code);
    if (!c->ended)
        client_watch(c);
}

static void too_many(struct client *c, struct bytes *out)
{
    send_answers(c, out); /* what was asked before is answered */
    client_close(c, CLOSE_TOO_MANY, "too many requests");
}

static void answer(struct client *c, enum ws_kind kind, struct span payload,
                   struct bytes *out)
{
    if (kind == WS_PING) {
        ws_frame_add(out, WS_OP_PONG, payload);
        return;
    }
    c->registry->commands++;
    if (echoes(c))
        ws_frame_add(out, kind == WS_TEXT ? WS_OP_TEXT : WS_OP_BINARY, payload);
    else
        session_text(c, payload, out);
}

static bool on_frame(void *arg, enum ws_kind kind, struct span payload,
                     uint16_t code)
{
    struct serving *s = arg;
    struct client *c = s->client;

    if (kind == WS_CLOSE) {
        got_close(c, code, s->out);
        return false;
    }
    if (c->closing)
        return true; /* it has not seen our close frame yet */
    if (kind != WS_PONG) {
        if (!echoes(c) && !allowance_message(&c->allowance, payload.len)) {
            too_many(c, s->out);
            return false;
        }
        s->counted += allowance_frame_bytes(payload.len);
        answer(c, kind, payload, s->out);
    }
    if (s->out->len >= CLIENT_PAUSE_BYTES)
        send_answers(c, s->out);
    if (c->closing || c->ended)
        return false;
    s->paused = client_unread(c) >= CLIENT_PAUSE_BYTES ||
                clock_mono_ns() >= s->until_ns;
    return !s->paused;
}

/* What was read and is no message, of `came` bytes. */
static void count_other(struct client *c, const struct serving *s, size_t came)
{
    size_t left =
        !c->unserved ? 0 : c->unserved->rest.len + c->unserved->buffered;
    int64_t other = (int64_t)came - (int64_t)left - s->counted;

    if (!echoes(c) &&
        !allowance_other(&c->allowance, &c->registry->options.allowance, other))
        client_close(c, CLOSE_TOO_MANY, "too much data");
}

/* buffered: bytes before these that the parser holds, and were not counted. */
static void serve(struct client *c, struct span bytes, size_t buffered)
{
    size_t came = bytes.len + buffered;
    struct inboxes *all = c->registry->inboxes;
    uint64_t began_ns = clock_mono_ns();
    struct serving s = {.client = c, .out = &all->answers};
    const char *why = NULL;
    uint16_t code;

    allowance_refill(&c->allowance, &c->registry->options.allowance,
                     (uint32_t)(began_ns / 1000000));
    s.until_ns = began_ns + slice_left_ns(&all->slices, c);
    bytes_clear(s.out);
    code = ws_read(inbox_pool(c), &c->ws, &bytes, on_frame, &s, &why);
    if (c->ended)
        return;
    if (s.out->len > 0)
        send_answers(c, s.out);
    if (code != 0) {
        client_close(c, code, why);
        /* After an error nothing that follows makes sense. */
        c->hears = HEARS_WASTE;
        client_watch(c);
    } else if (!c->closing && !c->ended) {
        if (s.paused)
            keep_rest(c, bytes, ws_buffered(c->ws));
        count_other(c, &s, came);
        if (!c->closing && !c->ended)
            snapshots_pump(c);
        client_watch(c);
    }
    if (!c->ended)
        inbox_worked(c, began_ns);
}

void inbox_got(struct client *c, struct span bytes)
{
    c->heard = true;
    c->registry->bytes_received += bytes.len;
    if (c->unserved) {
        bytes_add_span(&c->unserved->rest, bytes);
    } else if (slice_fits(&c->registry->inboxes->slices, c,
                          bytes.len + ws_buffered(c->ws))) {
        serve(c, bytes, 0);
    } else {
        keep_rest(c, bytes, 0);
        client_watch(c);
    }
}

static void read_now(struct client *c);

static void serve_rest(struct unserved *u)
{
    struct client *c = u->client;

    c->unserved = NULL;
    if (u->unread) {
        read_now(c);
        client_watch(c);
    } else {
        serve(c, u->rest.len == 0 ? span_make("", 0) : bytes_span(&u->rest),
              u->buffered);
    }
    unserved_free(u);
}

/* Each that waits now, once, as far as there is time for it. */
static void on_idle(uv_idle_t *idle)
{
    struct inboxes *all = idle->data;
    uint64_t until_ns = clock_mono_ns() + WAITERS_NS;
    uint32_t n;

    slice_turn(&all->slices); /* whoever waited goes before what is read */
    n = all->n < WAITERS_MAX ? all->n : WAITERS_MAX;
    for (; n > 0 && all->first; n--) {
        struct unserved *u = take_first(all);

        if (!inbox_may_work(u->client)) {
            queue(all, u);
            continue;
        }
        serve_rest(u);
        if (clock_mono_ns() >= until_ns)
            break;
    }
    if (!all->first)
        uv_idle_stop(&all->idle);
}

/* --- the socket --- */

/* No more comes.  Who said so with a close frame may still read, and so may who
 * closed one way only: it gets the answers that wait, and where it does not
 * take them it is gone. */
static void got_end(struct client *c)
{
    c->hears = HEARS_NOTHING;
    if (!c->closing && client_unread(c) > 0)
        client_close_as(c, WS_CLOSE_NORMAL, "", WS_CLOSE_ABNORMAL);
    else if (!c->closing || c->close_sent)
        client_end(c, WS_CLOSE_ABNORMAL, c->closing ? "closed" : "gone");
    if (!c->ended)
        client_watch(c);
}

static void read_now(struct client *c)
{
    char *buf = c->registry->inboxes->buf;
    ssize_t n = recv(c->m.fd, buf, INBOX_READ_BYTES, 0);

    if (n > 0) {
        if (c->hears == HEARS_FRAMES)
            inbox_got(c, span_make(buf, (size_t)n));
    } else if (n == 0) {
        got_end(c);
    } else if (errno != EAGAIN && errno != EINTR) {
        client_end(c, WS_CLOSE_ABNORMAL, strerror(errno));
    }
}

void inbox_read(struct client *c)
{
    if (c->hears != HEARS_FRAMES || inbox_may_work(c))
        read_now(c);
    else
        wait_to_be_read(c);
}

/* --- life --- */

/* Where somebody waited, the turn has begun with them. */
static void on_prepare(uv_prepare_t *prepare)
{
    struct inboxes *all = prepare->data;

    if (!uv_is_active((uv_handle_t *)&all->idle))
        slice_turn(&all->slices);
}

struct inboxes *inboxes_new(struct clients *registry)
{
    struct inboxes *all = mem_zero(sizeof *all);

    all->registry = registry;
    all->buf = mem_alloc(INBOX_READ_BYTES);
    all->last = &all->first;
    slice_turn(&all->slices);
    uv_prepare_init(registry->loop, &all->prepare);
    uv_idle_init(registry->loop, &all->idle);
    all->prepare.data = all->idle.data = all;
    uv_prepare_start(&all->prepare, on_prepare);
    uv_unref((uv_handle_t *)&all->prepare);
    return all;
}

void inboxes_stop(struct inboxes *all)
{
    uv_close((uv_handle_t *)&all->prepare, NULL);
    uv_close((uv_handle_t *)&all->idle, NULL);
}

void inboxes_free(struct inboxes *all)
{
    bytes_close(&all->answers);
    free(all->buf);
    free(all);
}

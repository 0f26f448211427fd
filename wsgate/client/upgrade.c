#include "wsgate/client/upgrade.h"

#include "common/base/bytes.h"
#include "wsgate/channels/message.h"
#include "wsgate/client/inbox.h"
#include "wsgate/client/snapshot.h"
#include "wsgate/client/stats.h"
#include "wsgate/client/subscribe.h"
#include "wsgate/ws/ws_frame.h"
#include "wsgate/ws/ws_handshake.h"

/* What a refusal says beside its status. */
static const struct {
    int status;
    const char *headers;
} extras[] = {
    {405, "Allow: GET\r\n"},
    {426, "Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n"},
};

static void refuse(struct http_conn *conn, int status, const char *why)
{
    const char *extra = NULL;

    for (size_t i = 0; i < sizeof extras / sizeof *extras; i++) {
        if (extras[i].status == status)
            extra = extras[i].headers;
    }
    ws_refusal_answer(conn, status, extra,
                      status == 426   ? "upgrade_required"
                      : status == 405 ? "method_not_allowed"
                                      : "bad_request",
                      why);
}

/* A page that asks why it cannot connect; false: it could, or does not ask. */
static bool told_why(const struct upgrade_options *o, struct http_conn *conn,
                     const struct http_request *req)
{
    struct bytes origin = {0};
    bool refused = http_query(req, "origin", &origin) &&
                   !ws_door_lets_in(o->door, bytes_span(&origin), req);

    if (refused)
        ws_refusal_tell_origin(conn, bytes_span(&origin), req);
    bytes_close(&origin);
    return refused;
}

/* A list that cannot be decoded counts as asked for, too: it is answered. */
static bool asks_to_subscribe(const struct http_request *req,
                              struct bytes *names)
{
    return http_query(req, "subscribe", names) ||
           (req->query.len > 0 &&
            memmem(req->query.ptr, req->query.len, "subscribe=", 10));
}

/* A browser cannot see the status of a refused handshake, but it sees a close
 * code: so the handshake is completed, and the close frame follows at once.  It
 * never becomes a client: the HTTP server sees it out. */
static void turn_away(const struct clients *registry, struct http_conn *conn,
                      const struct ws_handshake *shake, const char *why)
{
    struct bytes out = {0};
    uint16_t code =
        registry->stopping ? WS_CLOSE_GOING_AWAY : WS_CLOSE_TRY_LATER;

    ws_handshake_add(&out, shake);
    ws_close_add(&out, code, why);
    http_finish(conn, bytes_span(&out));
    bytes_close(&out);
    stats_close(code);
}

/* What a new client hears before it says anything. */
static void begin(struct client *c, const struct upgrade_options *o,
                  const struct http_request *req,
                  const struct ws_handshake *shake)
{
    const struct clients *registry = c->registry;
    struct bytes out = {0}, names = {0};

    ws_handshake_add(&out, shake);
    if (c->dialect == DIALECT_NATIVE) {
        message_welcome(&out, o->instance, o->ping_ms,
                        registry->options.max_subscriptions,
                        upstream_name(upstream_state(registry->upstream)));
        if (asks_to_subscribe(req, &names))
            subscribe_list(c, names.len > 0 ? bytes_span(&names) : span_str(""),
                           &out);
    } else if (dialect_row((enum dialect)c->dialect)->subscriptions) {
        subscribe_dialect(c, &out);
    }
    client_send(c, bytes_span(&out));
    bytes_close(&out);
    bytes_close(&names);
}

void upgrade(struct clients *registry, const struct upgrade_options *options,
             struct http_conn *conn, const struct http_request *req,
             enum dialect dialect)
{
    struct ws_handshake shake;
    struct span early;
    const char *why = NULL;
    int status =
        ws_handshake_check(req, dialect_row(dialect)->protocols, &shake, &why);
    struct watch socket;
    struct client *c;

    if (status != 0) {
        if (status != 426 || !told_why(options, conn, req))
            refuse(conn, status, why);
        return;
    }
    if (!ws_door_origin_ok(options->door, req)) {
        ws_refusal_origin(options->refusals, conn, req);
        return;
    }
    if (!clients_admit(registry, req->bucket, &why)) {
        turn_away(registry, conn, &shake, why);
        return;
    }
    http_conn_take(conn, &early, &socket);
    c = client_new(registry, &socket, req->bucket, dialect);
    if (!c)
        return;
    begin(c, options, req, &shake);
    if (!c->ended)
        snapshots_pump(c);
    if (!c->ended && early.len > 0)
        inbox_got(c, early);
}

void upgrade_warm_up(void)
{
    const struct ws_handshake shake = {
        .key = span_str("dGhlIHNhbXBsZSBub25jZQ==")};
    struct bytes out = {0};

    ws_handshake_add(&out, &shake);
    bytes_close(&out);
}

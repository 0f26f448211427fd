#include "wsgate/ws/ws_refusal.h"

#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/http/http_tokens.h"
#include "common/json/json_writer.h"

/* Two quotes and the words around them. */
enum { TEXT_MAX = 800, OPTION_MAX = HTTP_HOST_MAX + 64 };

#define REFUSED(why)                                                           \
    {                                                                          \
        METRIC(COUNTER, "tickwire_http_refused_total", "reason=\"" why "\"",   \
               "HTTP requests and connections refused, by reason")             \
    }

static struct metric refused[WS_REFUSALS] = {
    [WS_REFUSAL_ORIGIN] = REFUSED("origin"),
    [WS_REFUSAL_HOST] = REFUSED("host"),
};

static const char *const names[WS_REFUSALS] = {"origin", "host"};

void ws_refusal_export(void)
{
    metrics_add_all(refused, WS_REFUSALS);
}

bool ws_refusal_may_log(struct ws_refusals *r, enum ws_refusal_reason reason,
                        uint64_t now_ms, uint64_t *held)
{
    if (now_ms < r->of[reason].quiet_until_ms) {
        r->of[reason].held++;
        return false;
    }
    *held = r->of[reason].held;
    r->of[reason].held = 0;
    r->of[reason].quiet_until_ms = now_ms + WS_REFUSAL_LOG_MS;
    return true;
}

/* --- the option that would let it in; empty: none would --- */

static void option_for_host(const struct http_request *req, char *out)
{
    struct http_host host;

    out[0] = '\0';
    if (http_host_read(http_tokens_trim(http_header(req, "Host")), &host))
        snprintf(out, OPTION_MAX, "--allow-host %.*s", SPAN_ARG(host.name));
}

static void option_for_origin(struct span text, char *out)
{
    struct http_origin origin;

    out[0] = '\0';
    text = http_tokens_trim(text);
    if (http_origin_read(text, &origin) && text.len < OPTION_MAX - 20)
        snprintf(out, OPTION_MAX, "--allow-origin %.*s", SPAN_ARG(text));
}

/* --- saying it --- */

static void count(struct ws_refusals *r, enum ws_refusal_reason reason,
                  const struct http_request *req, const char *option)
{
    uint64_t held;

    refused[reason].value++;
    if (!ws_refusal_may_log(r, reason, clock_mono_ms(), &held))
        return;
    log_warn("http_refused",
             "reason=%s origin=%s host=%s peer=%s allow=%s suppressed=%llu",
             names[reason], LOG_Q(http_header(req, "Origin")),
             LOG_Q(http_header(req, "Host")), req->peer,
             LOG_Q(span_str(option)), (unsigned long long)held);
}

void ws_refusal_answer(struct http_conn *conn, int status, const char *headers,
                       const char *code, const char *message)
{
    struct bytes text = {0};
    struct json_writer json = {.out = &text};

    json_write_object(&json, NULL);
    json_write_str(&json, "error", code);
    json_write_str(&json, "message", message);
    json_write_object_end(&json);
    bytes_add_str(&text, "\n");
    http_respond(conn, status, "application/json", headers, bytes_span(&text));
    bytes_close(&text);
}

void ws_refusal_host(struct ws_refusals *r, struct http_conn *conn,
                     const struct http_request *req)
{
    char option[OPTION_MAX], text[TEXT_MAX];

    option_for_host(req, option);
    count(r, WS_REFUSAL_HOST, req, option);
    if (option[0] == '\0')
        snprintf(text, sizeof text,
                 "this gateway listens on loopback only, and the Host header "
                 "names no host");
    else
        snprintf(text, sizeof text,
                 "this gateway listens on loopback only and does not know the "
                 "host %s: start wsgate with %s to let browsers use it",
                 LOG_Q(http_header(req, "Host")), option);
    ws_refusal_answer(conn, 403, NULL, "host_refused", text);
}

static void answer_origin(struct http_conn *conn, struct span origin,
                          const struct http_request *req, const char *option)
{
    char text[TEXT_MAX];

    if (option[0] == '\0')
        snprintf(text, sizeof text, "the Origin header is not one origin");
    else
        snprintf(text, sizeof text,
                 "pages of %s may not use this gateway, which was asked for as "
                 "%s: start wsgate with %s to let them in",
                 LOG_Q(origin), LOG_Q(http_header(req, "Host")), option);
    ws_refusal_answer(conn, 403, NULL, "origin_refused", text);
}

void ws_refusal_origin(struct ws_refusals *r, struct http_conn *conn,
                       const struct http_request *req)
{
    struct span origin = http_header(req, "Origin");
    char option[OPTION_MAX] = "";

    if (http_tokens_lines(req, "Origin") == 1)
        option_for_origin(origin, option);
    count(r, WS_REFUSAL_ORIGIN, req, option);
    answer_origin(conn, origin, req, option);
}

void ws_refusal_tell_origin(struct http_conn *conn, struct span origin,
                            const struct http_request *req)
{
    char option[OPTION_MAX];

    option_for_origin(origin, option);
    answer_origin(conn, origin, req, option);
}

/* /health, /ready and /metrics, the same for every tool. */

#include "common/app/app.h"
#include "common/app/process.h"
#include "common/base/clock.h"
#include "common/base/metrics.h"
#include "common/http/http.h"

/* 200 also when degraded: restarting this process would not repair Redis. */
static void health(struct app *app, struct http_conn *conn)
{
    struct bytes json = {0}, members = {0};
    struct json_writer w = {.out = &json};
    struct json_writer own = {.out = &members, .comma = true};
    bool well = !app->health || app->health(app->health_arg, &own);

    json_write_object(&w, NULL);
    json_write_str(&w, "status", well ? "healthy" : "degraded");
    json_write_str(&w, "tool", app->tool);
    json_write_str(&w, "version", TW_VERSION);
    json_write_str(&w, "instance", app->instance);
    json_write_uint(&w, "uptime_ms", clock_mono_ms() - app->started_mono_ms);
    bytes_add_span(&json, bytes_span(&members));
    json_write_object_end(&w);
    bytes_add_str(&json, "\n");
    http_respond_json(conn, 200, bytes_span(&json));
    bytes_close(&members);
    bytes_close(&json);
}

static bool is_ready(struct app *app, const char **why)
{
    if (app->stopping) {
        *why = "stopping";
        return false;
    }
    if (!app->ready_said) {
        *why = "starting";
        return false;
    }
    return !app->is_ready || app->is_ready(app->ready_arg, why);
}

static void ready(struct app *app, struct http_conn *conn)
{
    struct bytes json = {0};
    struct json_writer w = {.out = &json};
    const char *why = "not ready";
    bool yes = is_ready(app, &why);

    json_write_object(&w, NULL);
    json_write_bool(&w, "ready", yes);
    if (!yes)
        json_write_str(&w, "why", why);
    if (app->ready_detail)
        app->ready_detail(app->ready_arg, &w);
    json_write_object_end(&w);
    bytes_add_str(&json, "\n");
    http_respond_json(conn, yes ? 200 : 503, bytes_span(&json));
    bytes_close(&json);
}

static void metrics(struct app *app, struct http_conn *conn)
{
    struct metrics_page *page = &app->metrics;
    uint64_t began_ns = clock_mono_ns();

    if (metrics_page_is_due(page, began_ns)) {
        bytes_clear(&page->text);
        metrics_render(&page->text);
        process_metrics(app->tool, app->instance, &page->text);
        metrics_page_made(page, clock_mono_ns() - began_ns);
    }
    http_respond(conn, 200, "text/plain; version=0.0.4; charset=utf-8", NULL,
                 bytes_span(&page->text));
}

bool app_http_page(struct app *app, struct http_conn *conn,
                   const struct http_request *req)
{
    static const struct {
        const char *path;
        void (*page)(struct app *app, struct http_conn *conn);
    } pages[] = {
        {"/health", health},
        {"/ready", ready},
        {"/metrics", metrics},
    };

    for (unsigned i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        if (!span_is(req->path, pages[i].path))
            continue;
        if (span_is(req->method, "GET") || span_is(req->method, "HEAD"))
            pages[i].page(app, conn);
        else
            http_respond(conn, 405, "text/plain", "Allow: GET, HEAD\r\n",
                         span_str("Method Not Allowed\n"));
        return true;
    }
    return false;
}

void app_http_handle(void *arg, struct http_conn *conn,
                     const struct http_request *req)
{
    struct app *app = arg;

    if (app->admit && !app->admit(app->admit_arg, conn, req))
        return;
    if (!app_http_page(app, conn, req) &&
        !(app->page && app->page(app->page_arg, conn, req)))
        http_respond(conn, 404, "text/plain", NULL,
                     span_str("try /health, /ready or /metrics\n"));
}

bool app_http_open(struct app *app, struct err *err)
{
    static const struct http_options options = {.background = true};
    struct err cause = {0};

    app->http = http_server_new(&app->loop, app->opts->http, &options,
                                app_http_handle, app, &cause);
    return app->http || err_set(err, cause.code, "--http: %s", cause.text);
}

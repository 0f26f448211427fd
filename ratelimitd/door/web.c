#include "ratelimitd/door/web.h"

#include <stdlib.h>

/* A request whose answer may come later. */
struct visit {
    struct web *web;
    struct http_conn *conn;
};

static void respond_error(struct http_conn *conn, int status, const char *why)
{
    struct bytes json = {0};
    struct json_writer w = {.out = &json};

    json_write_object(&w, NULL);
    json_write_str(&w, "error", why);
    json_write_object_end(&w);
    bytes_add_str(&json, "\n");
    http_respond_json(conn, status, bytes_span(&json));
    bytes_close(&json);
}

static void on_answer(void *arg, const struct outcome *o)
{
    struct visit *v = arg;
    struct bytes headers;

    v->web->waiting--;
    if (!http_conn_open(v->conn)) {
        /* Nobody waits any more; what was charged stays charged. */
    } else if (o->error) {
        respond_error(v->conn, 404, o->error);
    } else {
        bytes_init(&headers);
        answer_headers(&headers, o);
        if (o->degraded)
            bytes_add_str(&headers, "X-RateLimit-Degraded: true\r\n");
        bytes_add_str(&headers, "Cache-Control: no-store\r\n");
        bytes_add(&headers, "", 1); /* NUL */
        http_respond(v->conn, o->allowed ? 204 : v->web->denied_status, NULL,
                     headers.ptr, span_make("", 0));
        bytes_close(&headers);
    }
    http_conn_unref(v->conn);
    free(v);
}

/* The parameters of one request; the question's spans point into them. */
struct params {
    struct bytes rule, key, cost, mode;
};

static bool read_rules(struct question *q, const struct params *p,
                       struct err *err)
{
    struct span rest = bytes_span(&p->rule);

    while (q->n_rules < RULE_CHECK_MAX) {
        const char *comma =
            rest.len > 0 ? memchr(rest.ptr, ',', rest.len) : NULL;
        struct span name =
            comma ? span_make(rest.ptr, (size_t)(comma - rest.ptr)) : rest;
        if (name.len == 0 || name.len > RULE_NAME_MAX)
            return err_set(err, ERR_INPUT, "rule is empty or too long");
        for (unsigned i = 0; i < q->n_rules; i++)
            if (span_eq(q->rules[i], name))
                return err_set(err, ERR_INPUT, "a rule is named twice");
        q->rules[q->n_rules++] = name;
        if (!comma)
            return true;
        rest = span_make(comma + 1, rest.len - name.len - 1);
    }
    return err_set(err, ERR_INPUT, "more than %d rules", RULE_CHECK_MAX);
}

static bool read_cost(struct question *q, struct span text, struct err *err)
{
    uint64_t n;

    if (!span_number(text, 9, &n))
        return err_set(err, ERR_INPUT, "cost is not a whole number from 0");
    q->cost = (int64_t)n;
    return true;
}

static bool read_params(struct question *q, struct params *p,
                        const struct http_request *req, struct err *err)
{
    const char *fault;

    *q = (struct question){.cost = 1};
    if (!http_query(req, "rule", &p->rule))
        return err_set(err, ERR_INPUT,
                       "no rule (try /check?rule=api&key=alice)");
    if (!read_rules(q, p, err))
        return false;
    if (!http_query(req, "key", &p->key))
        return err_set(err, ERR_INPUT,
                       "no key (try /check?rule=api&key=alice)");
    q->key = bytes_span(&p->key);
    fault = rule_key_fault(q->key);
    if (fault)
        return err_set(err, ERR_INPUT, "%s", fault);
    if (http_query(req, "cost", &p->cost) &&
        !read_cost(q, bytes_span(&p->cost), err))
        return false;
    if (http_query(req, "mode", &p->mode) &&
        !question_mode(bytes_span(&p->mode), &q->mode))
        return err_set(err, ERR_INPUT, "mode is not check, peek or reset");
    return true;
}

static void check(struct web *w, struct http_conn *conn,
                  const struct http_request *req)
{
    struct params p;
    struct question q;
    struct err err = {0};
    struct visit *v;

    bytes_init(&p.rule);
    bytes_init(&p.key);
    bytes_init(&p.cost);
    bytes_init(&p.mode);
    if (read_params(&q, &p, req, &err)) {
        v = mem_alloc(sizeof *v);
        v->web = w;
        v->conn = http_conn_ref(conn);
        w->waiting++;
        limiter_ask(w->limiter, &q, on_answer, v);
    } else {
        stats.bad_questions.value++;
        respond_error(conn, 400, err.text);
    }
    bytes_close(&p.rule);
    bytes_close(&p.key);
    bytes_close(&p.cost);
    bytes_close(&p.mode);
}

static void add_rule(struct json_writer *json, const struct rule *r)
{
    json_write_object(json, NULL);
    json_write_str(json, "rule", r->name);
    json_write_str(json, "key", r->pattern);
    json_write_int(json, "limit", r->limit.limit);
    json_write_int(json, "window_ms", r->limit.window_us / 1000);
    json_write_str(json, "algorithm", rule_algorithm_name(r->algorithm));
    json_write_str(json, "on_error", rule_on_error_name(r->on_error));
    json_write_bool(json, "shadow", r->shadow);
    json_write_object_end(json);
}

/* The rules as they are, and who is denied most. */
static void limits(struct web *w, struct http_conn *conn,
                   const struct http_request *req)
{
    const struct rules *rules = &limiter_rules(w->limiter)->rules;
    struct bytes text = {0};
    struct json_writer json = {.out = &text};

    (void)req;
    json_write_object(&json, NULL);
    json_write_array(&json, "rules");
    for (unsigned i = 0; i < rules->count; i++)
        add_rule(&json, &rules->at[i]);
    json_write_array_end(&json);
    heavy_hitters_json(limiter_heavy_hitters(w->limiter), "top_denied", &json);
    json_write_object_end(&json);
    bytes_add_str(&text, "\n");
    http_respond_json(conn, 200, bytes_span(&text));
    bytes_close(&text);
}

bool web_page(void *arg, struct http_conn *conn, const struct http_request *req)
{
    bool is_check = span_is(req->path, "/check");

    if (!is_check && !span_is(req->path, "/api/v1/limits"))
        return false;
    if (!span_is(req->method, "GET") && !span_is(req->method, "HEAD"))
        http_respond(conn, 405, "text/plain", "Allow: GET, HEAD\r\n",
                     span_str("Method Not Allowed\n"));
    else if (is_check)
        check(arg, conn, req);
    else
        limits(arg, conn, req);
    return true;
}

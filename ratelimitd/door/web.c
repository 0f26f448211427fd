#include "ratelimitd/door/web.h"

#include <inttypes.h>
#include <stdlib.h>

/* A request whose answer may come later. */
struct visit {
    struct web *web;
    struct http_conn *conn;
};

static void respond_error(struct http_conn *conn, int status, const char *why)
{
    struct bytes json;

    bytes_init(&json);
    bytes_add_str(&json, "{\"error\":");
    bytes_add_json(&json, span_str(why));
    bytes_add_str(&json, "}\n");
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
    int64_t n = 0;

    if (text.len == 0 || text.len > 9)
        return err_set(err, ERR_INPUT, "cost is not a whole number from 0");
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return err_set(err, ERR_INPUT, "cost is not a whole number from 0");
        n = n * 10 + (text.ptr[i] - '0');
    }
    q->cost = n;
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

/* The rules as they are, and who is denied most. */
static void limits(struct web *w, struct http_conn *conn,
                   const struct http_request *req)
{
    const struct rules *rules = &limiter_rules(w->limiter)->rules;
    struct bytes json;

    (void)req;
    bytes_init(&json);
    bytes_add_str(&json, "{\"rules\":[");
    for (unsigned i = 0; i < rules->count; i++) {
        const struct rule *r = &rules->at[i];
        bytes_printf(
            &json,
            "%s{\"rule\":\"%s\",\"key\":\"%s\",\"limit\":%" PRId64
            ",\"window_ms\":%" PRId64 ",\"algorithm\":\"%s\","
            "\"on_error\":\"%s\",\"shadow\":%s}",
            i ? "," : "", r->name, r->pattern, r->limit.limit,
            r->limit.window_us / 1000, rule_algorithm_name(r->algorithm),
            rule_on_error_name(r->on_error), r->shadow ? "true" : "false");
    }
    bytes_add_str(&json, "],\"top_denied\":");
    top_json(limiter_top(w->limiter), &json);
    bytes_add_str(&json, "}\n");
    http_respond_json(conn, 200, bytes_span(&json));
    bytes_close(&json);
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

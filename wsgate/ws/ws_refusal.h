/*
 * ws_refusal.h -- who is turned away at the door hears why, and so does the
 * operator.
 *
 * Answers are JSON, {"error":code,"message":text}; those of the door name the
 * option that would let the request in.  Each is counted in
 * tickwire_http_refused_total by its reason and logged, but no more than one
 * line a reason in WS_REFUSAL_LOG_MS: the next one says how many were not.
 *
 * Bounds      origin and host are cut at the length of a log quote
 */
#pragma once

#include "wsgate/ws/ws_door.h"

enum { WS_REFUSAL_LOG_MS = 10000 };

enum ws_refusal_reason { WS_REFUSAL_ORIGIN, WS_REFUSAL_HOST, WS_REFUSALS };

/* All zero at first. */
struct ws_refusals {
    struct {
        uint64_t quiet_until_ms; /* CLOCK_MONOTONIC */
        uint64_t held;           /* not logged since the last line */
    } of[WS_REFUSALS];
};

/* Once, at the start. */
void ws_refusal_export(void);
/* May there be a line now?  Then *held is how many went without one; else this
 * one does. */
bool ws_refusal_may_log(struct ws_refusals *r, enum ws_refusal_reason reason,
                        uint64_t now_ms, uint64_t *held);

/* 403, counted and logged: what ws_door_host_ok or ws_door_origin_ok said no
 * to. */
void ws_refusal_host(struct ws_refusals *r, struct http_conn *conn,
                     const struct http_request *req);
void ws_refusal_origin(struct ws_refusals *r, struct http_conn *conn,
                       const struct http_request *req);
/* The same answer to somebody who only asks: neither counted nor logged. */
void ws_refusal_tell_origin(struct http_conn *conn, struct span origin,
                            const struct http_request *req);
/* headers: NULL, or whole lines. */
void ws_refusal_answer(struct http_conn *conn, int status, const char *headers,
                       const char *code, const char *message);

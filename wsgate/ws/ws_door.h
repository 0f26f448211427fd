/*
 * ws_door.h -- which browsers are let in: by the page that they show, and by
 * the name under which they reached us.
 *
 * Origin.  A page may connect if its origin is that of the host it asks for, or
 * one of --allow-origin.  Who sends no Origin is no browser, and passes.  With
 * --trust-proxy the host may also be that of X-Forwarded-Host: many a proxy
 * puts a name of its own into Host, and no page can add the header to a
 * handshake, or to a request of another origin without asking first.
 * X-Forwarded-Proto is not asked: a proxy behind the one that ends TLS says
 * http of a page that was https, and the scheme is in the Origin already.
 *
 * Host.  A gateway that is bound to loopback is reached by the browsers of its
 * own machine alone, so the pages that they show are its only enemies: one of
 * http://evil.example may let that name point to 127.0.0.1, and has then the
 * gateway's own origin (DNS rebinding).  So a browser must name a loopback
 * host, or one of --allow-host or --allow-origin.  With --trust-proxy it is the
 * proxy who knows which names there are.  The other tools have no such rule:
 * they show figures only, and a proxy that asks ratelimitd passes on the headers
 * of its browsers.
 *
 * Pure.
 *
 * Ownership   plain values, which point into the texts of the options
 * Bounds      OPTION_STRS_MAX patterns of each kind
 * Source      docs/decisions/0014-no-client-costs-another.md, Doors; RFC 6455
 *             10.2; RFC 6454; Fetch Metadata (W3C) 2.3 for Sec-Fetch-Site
 */
#pragma once

#include "common/app/option.h"
#include "common/http/http.h"
#include "common/http/http_origin.h"

struct ws_door {
    struct http_origin_pattern origins[OPTION_STRS_MAX];
    struct http_host_pattern hosts[OPTION_STRS_MAX];
    unsigned n_origins, n_hosts;
    bool proxied; /* clients come through a proxy of ours */
};

/* False: err (a pattern that can never match), which names its option. */
bool ws_door_init(struct ws_door *door, const struct option_strs *allow_origin,
                  const struct option_strs *allow_host, struct err *err);
/* May it ask for us under this host, if only this machine can connect? */
bool ws_door_host_ok(const struct ws_door *door,
                     const struct http_request *req);
/* By the request's own Origin. */
bool ws_door_origin_ok(const struct ws_door *door,
                       const struct http_request *req);
/* Would it pass if it came from this origin? */
bool ws_door_lets_in(const struct ws_door *door, struct span origin,
                     const struct http_request *req);

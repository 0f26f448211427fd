/*
 * http_origin.h -- where a page came from, and which pages are let in.
 *
 * An origin is a scheme, a host and a port; a port that is not given is the
 * scheme's (http 80, https 443), so that https://x and https://x:443 are one.
 * `null` is the origin of pages that have none of their own (a sandboxed frame,
 * a file): it is equal to nothing, itself included.
 *
 * A pattern is "*" (any origin, null too), "null", or scheme://host[:port]:
 * the host may begin with "*.", which stands for one label or more, or be "*";
 * the port may be "*"; without one it is the scheme's.  A star never stands for
 * anything but labels or a port.  One final slash is let pass.
 *
 * Pure.  Spans point into the text that was read.
 *
 * Source      RFC 6454 4, 6.2; the URL and HTML standards of WHATWG, "origin"
 */
#pragma once

#include "common/http/http_host.h"

struct http_origin {
    bool opaque; /* null; then nothing else is set */
    struct span scheme;
    /* No name: a scheme that has no hosts (file://).  Its port is never that
     * of http or https left out; 0: the scheme has none. */
    struct http_host host;
};

struct http_origin_pattern {
    bool any;
    bool opaque;
    bool any_port;
    struct span scheme;
    struct http_host_pattern host;
    unsigned port; /* as above */
};

/* Of one Origin header.  False: it is no origin; *out is as it was. */
bool http_origin_read(struct span text, struct http_origin *out);
/* Is it of http or https, and of this host and port?  A host that names no port
 * has that of the origin's scheme. */
bool http_origin_is_of(const struct http_origin *origin,
                       const struct http_host *host);

/* False: err says why nothing could ever match, and what to write instead. */
bool http_origin_pattern_read(struct span text, struct http_origin_pattern *out,
                              struct err *err);
bool http_origin_matches(const struct http_origin_pattern *pattern,
                         const struct http_origin *origin);

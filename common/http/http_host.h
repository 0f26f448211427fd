/*
 * http_host.h -- the host and port of a Host header, and patterns of hosts.
 *
 * A host is a name, an IPv4 address or an IPv6 address in brackets, with or
 * without a port.  Names are compared without regard to case, with or without
 * the final dot, as they are: browsers send international ones in ASCII (xn--).
 * Addresses are compared by value.  User
 * information, a path, an empty label, a byte above 127, an IPv6 zone or a port
 * above 65535 makes it no host.
 *
 * Pure.  Spans point into the text that was read.
 *
 * Bounds      HTTP_HOST_MAX bytes of a name
 * Source      RFC 9110 7.2, RFC 3986 3.2.2, RFC 1035 2.3.4; loopback names:
 *             RFC 6761 6.3
 */
#pragma once

#include "common/base/err.h"
#include "common/base/span.h"

enum { HTTP_HOST_MAX = 253 };

struct http_host {
    struct span name;     /* as written, without brackets and the final dot */
    unsigned port;        /* 0: none was given */
    bool is_address;      /* then: */
    unsigned char ip[16]; /* IPv4 as ::ffff:a.b.c.d */
};

/* False: it is none; *out is as it was. */
bool http_host_read(struct span text, struct http_host *out);
/* 1 to 65535, or nothing (0): "host:" is allowed and says as much as "host". */
bool http_host_port(struct span text, unsigned *port);
/* The same host, whatever the ports. */
bool http_host_eq(const struct http_host *a, const struct http_host *b);
/* localhost and what is below it, 127.0.0.0/8, [::1]: no name server is asked
 * where they are, so nobody can make them point elsewhere. */
bool http_host_is_loopback(const struct http_host *host);

/* "host", "*.host" (one label or more in front of it, not the host itself) or
 * "*" (any). */
struct http_host_pattern {
    bool any;
    bool below;            /* the star and its dot are not in host */
    struct http_host host; /* without a port */
};

/* False: err says what is wrong with it and what to write instead. */
bool http_host_pattern_read(struct span text, struct http_host_pattern *out,
                            struct err *err);
bool http_host_matches(const struct http_host_pattern *pattern,
                       const struct http_host *host);

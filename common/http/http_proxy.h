/*
 * http_proxy.h -- the PROXY header that a proxy puts in front of a connection.
 *
 * Version 2 is binary, version 1 a line of text; both name the addresses of the
 * connection that the proxy asks for.  A header may come in pieces: what there
 * is so far is looked at again from its beginning.
 *
 *     \r\n\r\n\0\r\nQUIT\n  version and command, family, length, addresses, TLVs
 *     PROXY TCP4 203.0.113.8 192.0.2.1 40001 443\r\n
 *
 * No request begins like either: methods do not begin with an empty line and
 * a NUL, and there is no method PROXY.  An empty line before a request is
 * allowed (RFC 9112, 2.2), so it takes up to five bytes to tell.
 *
 * TLVs are skipped.  The address is not known with LOCAL (a health check of the
 * proxy itself), UNSPEC, UNKNOWN, and for Unix sockets: the proxy's stands.
 *
 * Bounds      HTTP_PROXY_MAX bytes for all of version 2, HTTP_PROXY_LINE_MAX
 *             for version 1
 * Source      The PROXY protocol, versions 1 & 2, by Willy Tarreau, 2.1 and 2.2
 *             (HAProxy's doc/proxy-protocol.txt)
 */
#pragma once

#include "common/http/http_address.h"

enum {
    HTTP_PROXY_MAX = 536,      /* fits into one segment of any path */
    HTTP_PROXY_LINE_MAX = 107, /* with its end */
};

enum http_proxy {
    HTTP_PROXY_ABSENT, /* something else */
    HTTP_PROXY_MORE,   /* the beginning of one, or of something else */
    HTTP_PROXY_READ,   /* *len bytes, and *client */
    HTTP_PROXY_LOCAL,  /* *len bytes; the address is not known */
    HTTP_PROXY_BAD,    /* a header, but not a valid one */
};

/* bytes: all that came on this connection so far. */
enum http_proxy http_proxy_parse(struct span bytes, struct in6_addr *client,
                                 size_t *len);

/*
 * http_forwarded.h -- for whom a trusted proxy says that it asks.
 *
 * X-Forwarded-For and Forwarded are lists to which each proxy appends whom it
 * got the request from.  Only what trusted proxies appended can be believed: so
 * the list is read from its end, over the addresses of trusted proxies, up to
 * the first that is not one of them.  What stands before that is the client's
 * own claim.  Several lines of one header are one list, in their order (RFC
 * 9110, 5.3).
 *
 * X-Forwarded-For wins where both are there, as RFC 7239 does not say how they
 * are to be merged (7.4).  Most proxies append to X-Forwarded-For and pass a
 * Forwarded on as it came, so that of the two it is Forwarded which a client
 * may have written.  A proxy that writes Forwarded has to remove
 * X-Forwarded-For.
 *
 * An empty element is not skipped: a proxy that did not know whom it asked for
 * leaves one, and what stands before it is a claim.
 *
 * Pure: no clock, no I/O.
 *
 * Bounds      HTTP_FORWARDED_HOPS proxies in a row
 * Source      RFC 7239, 4 (syntax) and 5.2 (for)
 */
#pragma once

#include "common/http/http.h"

enum { HTTP_FORWARDED_HOPS = 32 };

enum http_forwarded {
    HTTP_FORWARDED_NONE, /* neither header */
    HTTP_FORWARDED_READ,
    HTTP_FORWARDED_WITHHELD,  /* unknown, or obfuscated */
    HTTP_FORWARDED_MISSING,   /* an element is empty, or has no for= */
    HTTP_FORWARDED_MALFORMED, /* not an address; broken syntax */
    HTTP_FORWARDED_RESULTS,
};

/* client: the proxy's own address, and afterwards that of the client.  Where
 * an element cannot be read it is that of the nearest proxy which was, and
 * *text the element, within the header. */
enum http_forwarded http_forwarded_client(const struct http_request *req,
                                          const struct http_networks *trusted,
                                          struct in6_addr *client,
                                          struct span *text);
/* "malformed", as in logs and metrics. */
const char *http_forwarded_name(enum http_forwarded result);

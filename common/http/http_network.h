/*
 * http_network.h -- a set of networks: 10.0.0.0/8, 2001:db8::/32.
 *
 * Which proxies are believed (http_options.trust_proxy).  ADDR/N is an address
 * and how many of its first bits count; without /N all do.  Bits after those
 * are ignored: 10.1.2.3/8 is 10.0.0.0/8.
 *
 * An IPv4 network has IPv4 addresses, also those that are written as
 * ::ffff:a.b.c.d; an IPv6 network has none of them, not even ::/0.
 *
 * Bounds      HTTP_NETWORKS_MAX networks in a set
 * Errors      http_networks_add(): what is wrong with which value, and what
 *             would be right; the set is unchanged then
 */
#pragma once

#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/http/http_address.h"

enum { HTTP_NETWORKS_MAX = 64 };

struct http_network {
    struct in6_addr base; /* bits after the first `bits` are 0 */
    unsigned bits;        /* of 128, also for IPv4 */
};

struct http_networks {
    struct http_network at[HTTP_NETWORKS_MAX];
    unsigned count;
};

/* Networks separated by commas.  One of the words true, yes, on, 1 among them
 * stands for loopback, private and link-local networks (RFC 1122, 3.2.1.3; RFC
 * 1918; RFC 3927; RFC 4193; RFC 4291, 2.5.6).  The words false, no, off, 0,
 * alone, empty the set. */
bool http_networks_add(struct http_networks *set, const char *text,
                       struct err *err);
bool http_networks_have(const struct http_networks *set,
                        const struct in6_addr *a);
/* As http_networks_add() reads it; an empty set is "false". */
void http_networks_text(const struct http_networks *set, struct bytes *out);

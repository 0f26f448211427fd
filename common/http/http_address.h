/*
 * http_address.h -- the address of a client: read, written, and what it shares.
 *
 * Proxies write addresses in many ways.  All spellings of one address become
 * one value here, and one text: what is counted by address must not depend on
 * who wrote it down.
 *
 *     203.0.113.8  203.0.113.8:40001  ::ffff:203.0.113.8  [::ffff:cb00:7108]:1
 *     2001:db8::1  2001:0DB8:0:0::1   [2001:db8::1]:443   fe80::1%eth0
 *
 * Blanks around it and one pair of double quotes are taken off; a port and a
 * zone (RFC 4007, 11) are read and forgotten.  A port is 1 to 5 digits, or an
 * obfuscated one (RFC 7239, 6.3).
 *
 * An IPv4 address with leading zeros is not read: some take it as octal.
 *
 * Values      struct in6_addr; an IPv4 address is ::ffff:a.b.c.d (RFC 4291,
 *             2.5.5.2)
 * Bucket      what a limit by address counts: an IPv4 address itself, and of an
 *             IPv6 address its /64, as one subscriber has at least all of that
 *             (RFC 6177; RFC 4291, 2.5.1)
 * Text        canonical: RFC 5952 for IPv6, dotted decimal for IPv4
 * Source      RFC 7239, 6: how a proxy names a node
 */
#pragma once

#include <netinet/in.h>

#include "common/base/span.h"

enum { HTTP_ADDRESS_TEXT = 48 }; /* of an address or a bucket, with its NUL */

enum http_address {
    HTTP_ADDRESS_READ,
    HTTP_ADDRESS_WITHHELD,  /* "unknown", or obfuscated: "_gateway-7" */
    HTTP_ADDRESS_MALFORMED, /* nothing of all that */
};

/* *out is written only where the result is HTTP_ADDRESS_READ. */
enum http_address http_address_parse(struct span text, struct in6_addr *out);
/* Only an address: no port, brackets, quotes or blanks. */
bool http_address_plain(struct span text, struct in6_addr *out);

bool http_address_is_ip4(const struct in6_addr *a);
void http_address_text(const struct in6_addr *a, char text[HTTP_ADDRESS_TEXT]);

struct in6_addr http_address_bucket(const struct in6_addr *a);
/* "203.0.113.8", "2001:db8::/64"; of an address or of a bucket. */
void http_address_bucket_text(const struct in6_addr *a,
                              char text[HTTP_ADDRESS_TEXT]);

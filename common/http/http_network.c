#include "common/http/http_network.h"

#include <strings.h>

#define PRIVATE                                                                \
    "127.0.0.0/8,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,169.254.0.0/16,"      \
    "::1/128,fc00::/7,fe80::/10"

enum { IP4_BITS = 96 }; /* before the address, in ::ffff:a.b.c.d */

static void clear_after(struct in6_addr *a, unsigned bits)
{
    for (unsigned i = bits; i < 128; i++)
        a->s6_addr[i / 8] &= (uint8_t) ~(0x80u >> i % 8);
}

static bool parse(struct span text, struct http_network *out)
{
    const char *slash = text.len > 0 ? memchr(text.ptr, '/', text.len) : NULL;
    size_t len = slash ? (size_t)(slash - text.ptr) : text.len;
    struct span address = span_make(text.ptr, len);
    bool dotted = !memchr(address.ptr, ':', len);
    struct http_network n;
    uint64_t bits = dotted ? 32 : 128;

    if (memchr(address.ptr, '%', len) ||
        !http_address_plain(address, &n.base) ||
        (slash &&
         !span_number(span_make(slash + 1, text.len - len - 1), 3, &bits)) ||
        bits > (dotted ? 32 : 128))
        return false;
    n.bits = (unsigned)bits + (dotted ? IP4_BITS : 0);
    /* All of IPv6 is not asked for by ::ffff:0:0/64. */
    if (!dotted && http_address_is_ip4(&n.base) && n.bits < IP4_BITS)
        return false;
    clear_after(&n.base, n.bits);
    *out = n;
    return true;
}

static bool add_one(struct http_networks *set, struct span text,
                    struct err *err)
{
    struct http_network n;

    if (!parse(text, &n))
        return err_set(err, ERR_USAGE,
                       "'%.*s' is not a network (try 10.0.0.0/8, 192.0.2.7 or "
                       "2001:db8::/32)",
                       text.len < 100 ? (int)text.len : 100, text.ptr);
    if (set->count == HTTP_NETWORKS_MAX)
        return err_set(err, ERR_USAGE, "more than %d networks",
                       HTTP_NETWORKS_MAX);
    set->at[set->count++] = n;
    return true;
}

static struct span trim(struct span s)
{
    while (s.len > 0 && s.ptr[0] == ' ')
        s = span_make(s.ptr + 1, s.len - 1);
    while (s.len > 0 && s.ptr[s.len - 1] == ' ')
        s.len--;
    return s;
}

static bool is_word(struct span s, const char *const words[4])
{
    for (unsigned i = 0; i < 4; i++)
        if (s.len == strlen(words[i]) &&
            strncasecmp(s.ptr, words[i], s.len) == 0)
            return true;
    return false;
}

static bool add_list(struct http_networks *set, const char *text,
                     struct err *err)
{
    static const char *const words[4] = {"true", "yes", "on", "1"};

    for (;; text++) {
        struct span one = span_make(text, strcspn(text, ","));
        text += one.len;
        one = trim(one);
        if (is_word(one, words) ? !add_list(set, PRIVATE, err)
                                : !add_one(set, one, err))
            return false;
        if (*text == '\0')
            return true;
    }
}

bool http_networks_add(struct http_networks *set, const char *text,
                       struct err *err)
{
    static const char *const words[4] = {"false", "no", "off", "0"};
    struct http_networks all = *set;

    if (is_word(span_str(text), words))
        all.count = 0;
    else if (!add_list(&all, text, err))
        return false;
    *set = all;
    return true;
}

static bool has(const struct http_network *n, const struct in6_addr *a)
{
    unsigned bytes = n->bits / 8, rest = n->bits % 8;

    if (n->bits < IP4_BITS && http_address_is_ip4(a))
        return false;
    if (memcmp(n->base.s6_addr, a->s6_addr, bytes) != 0)
        return false;
    return rest == 0 ||
           ((n->base.s6_addr[bytes] ^ a->s6_addr[bytes]) >> (8 - rest)) == 0;
}

bool http_networks_have(const struct http_networks *set,
                        const struct in6_addr *a)
{
    for (unsigned i = 0; i < set->count; i++)
        if (has(&set->at[i], a))
            return true;
    return false;
}

void http_networks_text(const struct http_networks *set, struct bytes *out)
{
    char text[HTTP_ADDRESS_TEXT];

    if (set->count == 0)
        bytes_add_str(out, "false");
    for (unsigned i = 0; i < set->count; i++) {
        const struct http_network *n = &set->at[i];
        http_address_text(&n->base, text);
        bytes_printf(out, "%s%s/%u", i > 0 ? "," : "", text,
                     http_address_is_ip4(&n->base) ? n->bits - IP4_BITS
                                                   : n->bits);
    }
}

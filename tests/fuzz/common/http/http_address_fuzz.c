/*
 * Any text as an address and as a network: what is read is written down in one
 * way, which reads as the same again, with and without a port, and lies in its
 * own bucket.
 */
#include <stdlib.h>

#include "common/http/http_network.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 512 };

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void reads_as(const char *text, const struct in6_addr *want)
{
    struct in6_addr got;

    must(http_address_parse(span_str(text), &got) == HTTP_ADDRESS_READ);
    must(memcmp(&got, want, sizeof got) == 0);
}

static void address(struct span text)
{
    char canon[HTTP_ADDRESS_TEXT], bucket[HTTP_ADDRESS_TEXT];
    struct http_networks set = {.count = 0};
    struct in6_addr a, of;
    struct bytes longer = {0};

    if (http_address_parse(text, &a) != HTTP_ADDRESS_READ)
        return;
    http_address_text(&a, canon);
    reads_as(canon, &a);
    bytes_printf(&longer, strchr(canon, ':') ? " \"[%s]:443\"" : " \"%s:443\"",
                 canon);
    bytes_add(&longer, "", 1);
    reads_as(longer.ptr, &a);
    bytes_close(&longer);
    of = http_address_bucket(&a);
    http_address_bucket_text(&a, bucket);
    must(http_networks_add(&set, bucket, NULL));
    must(http_networks_have(&set, &a) && http_networks_have(&set, &of));
}

static void network(struct span text)
{
    struct http_networks set = {.count = 0}, again = {.count = 0};
    char *copy = mem_str(text);
    struct bytes out = {0};

    if (http_networks_add(&set, copy, NULL)) {
        http_networks_text(&set, &out);
        bytes_add(&out, "", 1);
        must(http_networks_add(&again, out.ptr, NULL));
        must(again.count == set.count);
        for (unsigned i = 0; i < set.count; i++) {
            must(memcmp(&set.at[i].base, &again.at[i].base, 16) == 0);
            must(set.at[i].bits == again.at[i].bits);
            must(http_networks_have(&set, &set.at[i].base));
        }
        bytes_close(&out);
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = {(const char *)data, size};

    if (size > TEXT_MAX)
        return 0;
    address(text);
    network(text);
    return 0;
}

#include "wsgate/client/close_count.h"

#include <stddef.h>

#include "common/base/metrics.h"

#define CODE(n)                                                                \
    {                                                                          \
        .name = "tickwire_wsgate_closes_total", .labels = "code=\"" #n "\"",   \
        .help = "connections that ended, by close code"                        \
    }

static const uint16_t codes[] = {1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008,
                                 1009, 1011, 1013, 4000, 4100, 4101, 4102, 0};
static struct metric counts[] = {
    CODE(1000), CODE(1001), CODE(1002), CODE(1003), CODE(1005), CODE(1006),
    CODE(1007), CODE(1008), CODE(1009), CODE(1011), CODE(1013), CODE(4000),
    CODE(4100), CODE(4101), CODE(4102), CODE(other)};

enum { CODES = sizeof codes / sizeof codes[0] };

void close_count_open(void)
{
    metrics_add_all(counts, CODES);
}

void close_count(uint16_t code)
{
    size_t i = 0;

    while (i < CODES - 1 && codes[i] != code)
        i++;
    counts[i].value++;
}

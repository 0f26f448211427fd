#include "common/event/price.h"

#include "common/json/json_writer.h"

enum { NS_PER_MS = 1000000, FRACTION_DIGITS = 6 };

struct price price_of(const struct event *ev)
{
    return (struct price){.type = ev->type,
                          .have = ev->have,
                          .time_ns = ev->time_ns,
                          .bid = ev->bid,
                          .ask = ev->ask,
                          .price = ev->price,
                          .size = ev->size};
}

/* Nanoseconds as milliseconds with as many fraction digits as there are. */
static void add_time(struct bytes *out, int64_t time_ns)
{
    int64_t fraction = time_ns % NS_PER_MS;
    char digits[FRACTION_DIGITS];
    size_t n = FRACTION_DIGITS;

    bytes_add_int(out, time_ns / NS_PER_MS);
    if (fraction <= 0)
        return;
    for (size_t i = n; i-- > 0; fraction /= 10)
        digits[i] = (char)('0' + fraction % 10);
    while (digits[n - 1] == '0')
        n--;
    bytes_add(out, ".", 1);
    bytes_add(out, digits, n);
}

static void add_member(struct bytes *out, const char *name, struct decimal d)
{
    char text[DECIMAL_TEXT_MAX];
    unsigned n = decimal_format(d, text);

    bytes_add(out, ",\"", 2);
    bytes_add_str(out, name);
    bytes_add(out, "\":", 2);
    bytes_add(out, text, n);
}

static void add_quote(struct bytes *out, const struct price *p)
{
    struct decimal d;

    if (p->have & EVENT_HAS_BID)
        add_member(out, "bid", p->bid);
    if (p->have & EVENT_HAS_ASK)
        add_member(out, "ask", p->ask);
    if (!(p->have & EVENT_HAS_BID) || !(p->have & EVENT_HAS_ASK))
        return;
    /* A sum that does not fit in 18 digits is left out, not rounded. */
    if (decimal_mid(p->bid, p->ask, &d))
        add_member(out, "mid", d);
    if (decimal_sub(p->ask, p->bid, &d))
        add_member(out, "spread", d);
}

void price_json(struct bytes *out, struct span symbol, const struct price *p)
{
    bytes_add_str(out, "{\"symbol\":");
    json_quote(out, symbol);
    bytes_add_str(out, ",\"time\":");
    add_time(out, p->time_ns);
    if (p->type == EVENT_TICK) {
        add_quote(out, p);
    } else {
        add_member(out, "price", p->price);
        if (p->have & EVENT_HAS_SIZE)
            add_member(out, "size", p->size);
    }
    bytes_add(out, "}", 1);
}

#include "common/event/price.h"

#include "common/base/decimal_sum.h"
#include "common/event/event_time.h"
#include "common/json/json_writer.h"

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

static void add_member(struct bytes *out, const char *name, struct decimal d)
{
    char text[DECIMAL_TEXT_MAX];
    unsigned n = decimal_format(d, text);

    bytes_add(out, ",\"", 2);
    bytes_add_str(out, name);
    bytes_add(out, "\":", 2);
    bytes_add(out, text, n);
}

static void add_sum(struct bytes *out, const char *name, struct decimal_sum sum)
{
    char text[DECIMAL_SUM_TEXT_MAX];
    unsigned n = decimal_sum_format(&sum, text);

    bytes_add(out, ",\"", 2);
    bytes_add_str(out, name);
    bytes_add(out, "\":", 2);
    bytes_add(out, text, n);
}

static void add_quote(struct bytes *out, const struct price *p)
{
    if (p->have & EVENT_HAS_BID)
        add_member(out, "bid", p->bid);
    if (p->have & EVENT_HAS_ASK)
        add_member(out, "ask", p->ask);
    if (!(p->have & EVENT_HAS_BID) || !(p->have & EVENT_HAS_ASK))
        return;
    add_sum(out, "mid", decimal_sum_mid(p->bid, p->ask));
    add_sum(out, "spread", decimal_sum_difference(p->ask, p->bid));
}

void price_json(struct bytes *out, struct span symbol, const struct price *p)
{
    bytes_add_str(out, "{\"symbol\":");
    json_quote(out, symbol);
    bytes_add_str(out, ",\"time\":");
    event_time_add_ms(out, p->time_ns);
    if (p->type == EVENT_TICK) {
        add_quote(out, p);
    } else {
        add_member(out, "price", p->price);
        if (p->have & EVENT_HAS_SIZE)
            add_member(out, "size", p->size);
    }
    bytes_add(out, "}", 1);
}

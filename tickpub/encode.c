#include "tickpub/encode.h"

#include "common/redis_resp.h"
#include "tickpub/batch.h"

enum { NS_PER_MS = 1000000, FRACTION_DIGITS = 6 };

static void bulk(struct bytes *out, struct span s)
{
    resp_bulk(out, s.ptr, s.len);
}

unsigned encode_publish(struct bytes *out, const struct channel *ch,
                        struct span payload)
{
    bytes_add_span(out, ch->head);
    bulk(out, payload);
    return 1;
}

unsigned encode_last(struct bytes *out, const struct channel *ch)
{
    unsigned waiting = 0;

    for (const struct field *f = ch->fields; f; f = f->next)
        waiting += f->batch != NULL;
    if (waiting == 0)
        return 0;
    resp_array(out, 2 + 2 * waiting);
    resp_bulk_str(out, "HSET");
    bulk(out, ch->last);
    for (const struct field *f = ch->fields; f; f = f->next) {
        if (!f->batch)
            continue;
        resp_bulk_str(out, event_type_name(f->type));
        resp_bulk(out, f->batch->data.ptr + f->off, f->len);
    }
    return 1;
}

unsigned encode_last_ttl(struct bytes *out, const struct channel *ch)
{
    resp_array(out, 3);
    resp_bulk_str(out, "EXPIRE");
    bulk(out, ch->last);
    resp_bulk_int(out, LAST_TTL_S);
    return 1;
}

unsigned encode_set(struct bytes *out, struct span key, struct span value,
                    int64_t ttl_ms)
{
    resp_array(out, ttl_ms > 0 ? 5 : 3);
    resp_bulk_str(out, "SET");
    bulk(out, key);
    bulk(out, value);
    if (ttl_ms > 0) {
        resp_bulk_str(out, "PX");
        resp_bulk_int(out, ttl_ms);
    }
    return 1;
}

static unsigned expire(struct bytes *out, const struct key *k)
{
    if (k->ttl_ms == 0)
        return 0;
    resp_array(out, 3);
    resp_bulk_str(out, "PEXPIRE");
    bulk(out, k->name.text);
    resp_bulk_int(out, k->ttl_ms);
    return 1;
}

unsigned encode_list(struct bytes *out, const struct key *k,
                     struct span payload)
{
    unsigned n = 1;

    resp_array(out, 3);
    resp_bulk_str(out, "LPUSH");
    bulk(out, k->name.text);
    bulk(out, payload);
    if (k->keep > 0) {
        resp_array(out, 4);
        resp_bulk_str(out, "LTRIM");
        bulk(out, k->name.text);
        resp_bulk_int(out, 0);
        resp_bulk_int(out, k->keep - 1);
        n++;
    }
    return n + expire(out, k);
}

unsigned encode_sorted(struct bytes *out, const struct key *k, int64_t score,
                       struct span payload)
{
    unsigned n = 2;

    resp_array(out, 4);
    resp_bulk_str(out, "ZREMRANGEBYSCORE");
    bulk(out, k->name.text);
    resp_bulk_int(out, score);
    resp_bulk_int(out, score);
    resp_array(out, 4);
    resp_bulk_str(out, "ZADD");
    bulk(out, k->name.text);
    resp_bulk_int(out, score);
    bulk(out, payload);
    if (k->keep > 0) {
        resp_array(out, 4);
        resp_bulk_str(out, "ZREMRANGEBYRANK");
        bulk(out, k->name.text);
        resp_bulk_int(out, 0);
        resp_bulk_int(out, -(k->keep + 1));
        n++;
    }
    return n + expire(out, k);
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

void encode_price(struct bytes *out, struct span symbol, const struct price *p)
{
    bytes_add_str(out, "{\"symbol\":");
    bytes_add_json(out, symbol);
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

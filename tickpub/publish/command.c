#include "tickpub/publish/command.h"

#include "common/redis/redis_resp.h"

static void bulk(struct bytes *out, struct span s)
{
    resp_bulk(out, s.ptr, s.len);
}

unsigned command_publish(struct bytes *out, const struct channel *ch,
                         struct span payload)
{
    bytes_add_span(out, ch->head);
    bulk(out, payload);
    return 1;
}

unsigned command_last(struct bytes *out, const struct channel *ch)
{
    unsigned waiting = 0;

    for (const struct field *f = ch->fields; f; f = f->next)
        waiting += f->due;
    if (waiting == 0)
        return 0;
    resp_array(out, 2 + 2 * waiting);
    resp_bulk_str(out, "HSET");
    bulk(out, ch->last);
    for (const struct field *f = ch->fields; f; f = f->next) {
        if (!f->due)
            continue;
        resp_bulk_str(out, event_type_name(f->type));
        bulk(out, bytes_span(&f->sent));
    }
    return 1;
}

unsigned command_last_ttl(struct bytes *out, const struct channel *ch)
{
    resp_array(out, 3);
    resp_bulk_str(out, "EXPIRE");
    bulk(out, ch->last);
    resp_bulk_int(out, LAST_TTL_S);
    return 1;
}

unsigned command_set(struct bytes *out, struct span key, struct span value,
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

unsigned command_list(struct bytes *out, const struct key *k,
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

unsigned command_sorted(struct bytes *out, const struct key *k, int64_t score,
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

#include "ratelimitd/limit/answer.h"

#include <inttypes.h>

#include "common/json/json_writer.h"

unsigned outcome_deciding(const struct outcome *o)
{
    unsigned found = 0;

    for (unsigned i = 1; i < o->n; i++) {
        const struct verdict *a = &o->verdicts[found], *b = &o->verdicts[i];
        if (a->allowed != b->allowed ? a->allowed
            : a->allowed             ? b->remaining < a->remaining
            : a->retry_after_ms == LIMIT_NEVER
                ? false
                : b->retry_after_ms == LIMIT_NEVER ||
                      b->retry_after_ms > a->retry_after_ms)
            found = i;
    }
    return found;
}

/*
 * A million of these a second: room is made once, and pieces are copied with
 * lengths that the compiler knows.
 */
enum { HEAD_ROOM = 64 + QUESTION_ID_MAX, VERDICT_ROOM = 256 + RULE_NAME_MAX };

#define PIECE(literal) literal, sizeof(literal) - 1

static char *put(char *to, const char *from, size_t n)
{
    memcpy(to, from, n);
    return to + n;
}

static char *put_bool(char *to, bool value)
{
    return value ? put(to, PIECE("true")) : put(to, PIECE("false"));
}

static char *put_int(char *to, int64_t value)
{
    char digits[20];
    unsigned n = sizeof digits;
    uint64_t v = value < 0 ? -(uint64_t)value : (uint64_t)value;

    if (value < 0)
        *to++ = '-';
    do {
        digits[--n] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    return put(to, digits + n, sizeof digits - n);
}

static char *put_id(char *to, struct span id)
{
    *to++ = '{';
    if (id.len == 0)
        return to;
    to = put(to, PIECE("\"id\":"));
    to = put(to, id.ptr, id.len);
    *to++ = ',';
    return to;
}

static char *put_verdict(char *to, const struct rule *rule,
                         const struct verdict *v)
{
    to = put(to, PIECE(",\"rule\":\""));
    to = put(to, rule->name, rule->name_len);
    to = put(to, PIECE("\",\"limit\":"));
    to = put_int(to, v->limit);
    to = put(to, PIECE(",\"remaining\":"));
    to = put_int(to, v->remaining);
    to = put(to, PIECE(",\"retry_after_ms\":"));
    to = put_int(to, v->retry_after_ms);
    to = put(to, PIECE(",\"reset_ms\":"));
    to = put_int(to, v->reset_ms);
    return v->shadow_over ? put(to, PIECE(",\"shadow_over\":true")) : to;
}

static char *put_list(char *to, const struct outcome *o)
{
    to = put(to, PIECE(",\"rules\":["));
    for (unsigned i = 0; i < o->n; i++) {
        to = i ? put(to, PIECE(",{\"allowed\":"))
               : put(to, PIECE("{\"allowed\":"));
        to = put_bool(to, o->verdicts[i].allowed);
        to = put_verdict(to, o->rules[i], &o->verdicts[i]);
        *to++ = '}';
    }
    *to++ = ']';
    return to;
}

static char *put_source(char *to, const struct outcome *o)
{
    static const char *const names[] = {"redis", "local", "cache"};

    to = put(to, PIECE(",\"source\":\""));
    to = put(to, names[o->source], 5);
    *to++ = '"';
    return o->degraded ? put(to, PIECE(",\"degraded\":true")) : to;
}

void answer_json(struct bytes *out, struct span id, bool is_list,
                 const struct outcome *o)
{
    unsigned i;
    char *to;

    if (o->error) {
        answer_error(out, id, o->error);
        return;
    }
    to = bytes_reserve(out, HEAD_ROOM + (o->n + 1) * (size_t)VERDICT_ROOM);
    i = outcome_deciding(o);
    to = put_id(to, id);
    to = put(to, PIECE("\"allowed\":"));
    to = put_bool(to, o->allowed);
    to = put_verdict(to, o->rules[i], &o->verdicts[i]);
    to = put_source(to, o);
    if (is_list)
        to = put_list(to, o);
    to = put(to, PIECE("}\n"));
    out->len = (size_t)(to - out->ptr);
}

void answer_error(struct bytes *out, struct span id, const char *error)
{
    out->len = (size_t)(put_id(bytes_reserve(out, HEAD_ROOM), id) - out->ptr);
    bytes_add_str(out, "\"error\":");
    json_quote(out, span_str(error));
    bytes_add_str(out, "}\n");
}

static int64_t seconds_up(int64_t ms)
{
    return ms <= 1000 ? 1 : (ms + 999) / 1000;
}

void answer_headers(struct bytes *out, const struct outcome *o)
{
    const struct verdict *v = &o->verdicts[outcome_deciding(o)];

    if (!o->allowed && v->retry_after_ms != LIMIT_NEVER)
        bytes_printf(out, "Retry-After: %" PRId64 "\r\n",
                     seconds_up(v->retry_after_ms));
    bytes_add_str(out, "RateLimit-Policy: ");
    for (unsigned i = 0; i < o->n; i++)
        bytes_printf(out, "%s\"%s\";q=%" PRId64 ";w=%" PRId64, i ? ", " : "",
                     o->rules[i]->name, o->verdicts[i].limit,
                     seconds_up(o->rules[i]->limit.window_us / 1000));
    bytes_add_str(out, "\r\nRateLimit: ");
    for (unsigned i = 0; i < o->n; i++)
        bytes_printf(out, "%s\"%s\";r=%" PRId64 ";t=%" PRId64, i ? ", " : "",
                     o->rules[i]->name, o->verdicts[i].remaining,
                     (o->verdicts[i].reset_ms + 999) / 1000);
    bytes_add_str(out, "\r\n");
}

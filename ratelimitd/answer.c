#include "ratelimitd/answer.h"

#include <inttypes.h>

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

static void add_bool(struct bytes *out, const char *name, bool value)
{
    bytes_add_str(out, name);
    bytes_add_str(out, value ? "true" : "false");
}

static void add_id(struct bytes *out, struct span id)
{
    bytes_add_str(out, "{");
    if (id.len > 0) {
        bytes_add_str(out, "\"id\":");
        bytes_add_span(out, id);
        bytes_add_str(out, ",");
    }
}

static void add_verdict(struct bytes *out, const struct rule *rule,
                        const struct verdict *v)
{
    bytes_add_str(out, ",\"rule\":\"");
    bytes_add(out, rule->name, rule->name_len);
    bytes_add_str(out, "\",\"limit\":");
    bytes_add_int(out, v->limit);
    bytes_add_str(out, ",\"remaining\":");
    bytes_add_int(out, v->remaining);
    bytes_add_str(out, ",\"retry_after_ms\":");
    bytes_add_int(out, v->retry_after_ms);
    bytes_add_str(out, ",\"reset_ms\":");
    bytes_add_int(out, v->reset_ms);
    if (v->shadow_over)
        bytes_add_str(out, ",\"shadow_over\":true");
}

static void add_list(struct bytes *out, const struct outcome *o)
{
    bytes_add_str(out, ",\"rules\":[");
    for (unsigned i = 0; i < o->n; i++) {
        add_bool(out, i ? ",{\"allowed\":" : "{\"allowed\":",
                 o->verdicts[i].allowed);
        add_verdict(out, o->rules[i], &o->verdicts[i]);
        bytes_add_str(out, "}");
    }
    bytes_add_str(out, "]");
}

void answer_json(struct bytes *out, struct span id, bool is_list,
                 const struct outcome *o)
{
    static const char *const sources[] = {",\"source\":\"redis\"",
                                          ",\"source\":\"local\"",
                                          ",\"source\":\"cache\""};
    unsigned i;

    if (o->error) {
        answer_error(out, id, o->error);
        return;
    }
    i = outcome_deciding(o);
    add_id(out, id);
    add_bool(out, "\"allowed\":", o->allowed);
    add_verdict(out, o->rules[i], &o->verdicts[i]);
    bytes_add_str(out, sources[o->source]);
    if (o->degraded)
        bytes_add_str(out, ",\"degraded\":true");
    if (is_list)
        add_list(out, o);
    bytes_add_str(out, "}\n");
}

void answer_error(struct bytes *out, struct span id, const char *error)
{
    add_id(out, id);
    bytes_add_str(out, "\"error\":");
    bytes_add_json(out, span_str(error));
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

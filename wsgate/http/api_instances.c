#include "common/json/json.h"
#include "common/json/scan.h"
#include "wsgate/http/api_call.h"

/*
 * Running publishers, from what each of them says of itself: of their work to
 * everybody, of their processes to operators.
 */

enum { INSTANCES_MAX = 1000 };

struct sums {
    /* The elements of arrays. */
    struct bytes brief_text, full_text, symbols_text;
    struct json_writer brief, full; /* instances, see enum api_status */
    struct json_writer symbols;
    uint64_t running, simulators;
    double rate;
};

static void add_symbols(struct sums *s, const json_value *symbols)
{
    struct span name;

    for (size_t i = 0; i < json_count(symbols); i++)
        if (json_text(json_item(symbols, i), &name))
            json_write_span(&s->symbols, NULL, name);
}

static bool is_of_work(struct span key)
{
    static const char *const members[] = {
        "tool",     "version", "start",     "time",    "simulator", "lines",
        "accepted", "bad",     "published", "dropped", "rate",      "symbols"};

    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (scan_key_is(key, members[i]))
            return true;
    return false;
}

/* An id is part of internal names: nobody is told. */
static void add_members(struct json_writer *out, struct span text, bool full)
{
    const char *end = text.ptr + text.len;
    struct scan_member m = {.at = scan_space(text.ptr, end)};
    struct bytes kept;

    bytes_init(&kept);
    while (scan_member_next(&m, end)) {
        if (full ? scan_key_is(m.key, "id") : !is_of_work(m.key))
            continue;
        bytes_add_str(&kept, kept.len == 0 ? "{\"" : ",\"");
        bytes_add_span(&kept, m.key);
        bytes_add_str(&kept, "\":");
        bytes_add_span(&kept, m.value);
    }
    bytes_add_str(&kept, kept.len == 0 ? "{}" : "}");
    json_write_raw(out, NULL, bytes_span(&kept));
    bytes_close(&kept);
}

static void add_instance(struct sums *s, struct span text)
{
    json_value *root = json_read(text, NULL);
    const char *bad;
    double rate;
    bool simulator;

    if (!json_is_object(root) || !scan_text(text, &bad)) {
        json_free(root);
        return;
    }
    add_members(&s->brief, text, false);
    add_members(&s->full, text, true);
    s->running++;
    if (json_bool(json_member(root, "simulator"), &simulator) && simulator) {
        s->simulators++;
        add_symbols(s, json_member(root, "symbols"));
        if (json_double(json_member(root, "rate"), &rate))
            s->rate += rate;
    }
    json_free(root);
}

static void add_array(struct json_writer *json, const char *key,
                      const struct bytes *elements)
{
    json_write_array(json, key);
    bytes_add_span(json->out, bytes_span(elements));
    json_write_array_end(json);
}

static void render(const struct sums *s, const struct bytes *instances,
                   struct bytes *out)
{
    struct json_writer json = {.out = out};

    bytes_clear(out);
    json_write_object(&json, NULL);
    json_write_bool(&json, "running", s->simulators > 0);
    json_write_uint(&json, "simulators", s->simulators);
    json_write_uint(&json, "publishers", s->running);
    json_write_real(&json, "rate", s->rate);
    add_array(&json, "symbols", &s->symbols_text);
    add_array(&json, "instances", instances);
    json_write_object_end(&json);
    bytes_add_str(out, "\n");
}

static void answer(struct api_scan *scan, struct sums *s)
{
    render(s, &s->brief_text, &scan->answer);
    render(s, &s->full_text, &scan->full);
    bytes_close(&s->brief_text);
    bytes_close(&s->full_text);
    bytes_close(&s->symbols_text);
    api_scan_done(scan);
}

static void on_values(void *arg, const struct redis_reply *r)
{
    struct api_scan *scan = arg;
    struct sums s = {.brief.out = &s.brief_text,
                     .full.out = &s.full_text,
                     .symbols.out = &s.symbols_text};

    if (!api_scan_reply(scan, r))
        return;
    if (r->type == REDIS_ARRAY)
        for (size_t i = 0; i < r->count; i++)
            if (r->item[i].type == REDIS_STRING) /* else it has expired */
                add_instance(&s, r->item[i].str);
    answer(scan, &s);
}

/* Names are kept one after the other, each with its NUL. */
static void on_key(struct api_scan *scan, struct span key)
{
    if (scan->count == INSTANCES_MAX || memchr(key.ptr, '\0', key.len))
        return;
    scan->count++;
    bytes_add_span(&scan->text, key);
    bytes_add(&scan->text, "", 1);
}

static void on_keys(struct api_scan *scan)
{
    struct redis_cmd *c = scan->api->redis;
    const char *key = scan->text.ptr;

    if (scan->count == 0) {
        answer(scan, &(struct sums){0});
        return;
    }
    if (!api_scan_redis(scan, (unsigned)scan->count + 1, on_values))
        return;
    redis_cmd_str(c, "MGET");
    for (uint64_t i = 0; i < scan->count; i++) {
        redis_cmd_str(c, key);
        key += strlen(key) + 1;
    }
}

const struct api_scan_kind api_instances_scan = {.tail = "instance:tickpub:*",
                                                 .keep_min_ms = 100,
                                                 .keep_max_ms = 1000,
                                                 .on_key = on_key,
                                                 .on_keys = on_keys};

void api_instances(struct api_call *call)
{
    api_scan_ask(&call->api->scans[API_SCAN_INSTANCES], call);
}

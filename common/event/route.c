#include "common/event/route.h"

#include <assert.h>
#include <stdlib.h>

#include "common/event/event_name.h"
#include "common/json/json.h"

enum {
    SECOND_MS = 1000,
    DAY_MS = 24 * 3600 * SECOND_MS,
    TEXTS_MAX = EVENT_TYPES * 4, /* a file can replace four texts of a row */
};

/* docs/messages.md.  Types that a profile does not name are not published. */
/* clang-format off */
static const struct route built_in[] = {
    {.profile = "default", .type = EVENT_TICK, .channel = "market_data:{symbol}",
     .key = "price:{symbol}", .key_kind = ROUTE_KEY_STRING, .key_ttl_ms = SECOND_MS,
     .journal = true},
    {.profile = "default", .type = EVENT_TRADE, .channel = "market_data:{symbol}",
     .key = "price:{symbol}", .key_kind = ROUTE_KEY_STRING, .key_ttl_ms = SECOND_MS,
     .journal = true},
    /* For who counts trade ids: no client hears of it. */
    {.profile = "default", .type = EVENT_TRADE_EXCLUDED, .channel = "_excluded:{symbol}",
     .bare = true, .journal = true},
    {.profile = "default", .type = EVENT_ORDERBOOK, .channel = "orderbook:{symbol}"},
    {.profile = "default", .type = EVENT_BAR, .channel = "bars:{symbol}:{resolution}",
     .key = "bars:history:{symbol}:{resolution}", .key_kind = ROUTE_KEY_SORTED,
     .key_keep = 5000},
    {.profile = "default", .type = EVENT_PRICE_UPDATE, .channel = "stock:price_updates",
     .key = "stock:price:{symbol}", .key_kind = ROUTE_KEY_STRING, .key_ttl_ms = 30 * SECOND_MS},
    {.profile = "default", .type = EVENT_MARKET_STATUS, .channel = "stock:market_status",
     .key = "stock:market_status", .key_kind = ROUTE_KEY_STRING, .key_ttl_ms = DAY_MS,
     .mode = ROUTE_ALL},
    {.profile = "default", .type = EVENT_TRADING_ALERT, .channel = "stock:trading_alerts",
     .channel2 = "alerts:{user_id}", .stream = "stream:alerts:{user_id}",
     .private_to = "{user_id}", .mode = ROUTE_ALL},
    {.profile = "default", .type = EVENT_EXECUTION, .channel = "executions:{account_id}",
     .stream = "stream:executions:{account_id}", .private_to = "{account_id}",
     .mode = ROUTE_ALL},
    {.profile = "default", .type = EVENT_ACCOUNT, .key = "account:{account_id}",
     .key_kind = ROUTE_KEY_STRING, .key_ttl_ms = 60 * SECOND_MS, .private_to = "{account_id}"},
    {.profile = "default", .type = EVENT_POSITIONS, .key = "positions:{account_id}",
     .key_kind = ROUTE_KEY_STRING, .key_ttl_ms = 30 * SECOND_MS, .private_to = "{account_id}"},
    {.profile = "default", .type = EVENT_OPTION_CHAIN,
     .channel = "option-chain:{symbol}:{expiry}",
     .key = "option-chain:snapshots:{symbol}:{expiry}", .key_kind = ROUTE_KEY_LIST,
     .key_ttl_ms = DAY_MS, .key_keep = 3},
    {.profile = "default", .type = EVENT_IVDEX, .channel = "ivdex:{symbol}",
     .key = "ivdex:{symbol}", .key_kind = ROUTE_KEY_STRING, .key_ttl_ms = DAY_MS},
    {.profile = "default", .type = EVENT_EXCHANGE, .channel = "exchange:{event}"},
};
/* clang-format on */

static const char *const kind_names[] = {
    [ROUTE_KEY_NONE] = "none",
    [ROUTE_KEY_STRING] = "string",
    [ROUTE_KEY_LIST] = "list",
    [ROUTE_KEY_SORTED] = "sorted",
};

const char *route_key_kind_name(enum route_key_kind kind)
{
    assert((unsigned)kind <= ROUTE_KEY_SORTED);
    return kind_names[kind];
}

/* Where an event keeps the name that a template asks for. */
static const struct {
    const char *name;
    size_t offset;
} names[] = {
    {"symbol", offsetof(struct event, symbol)},
    {"resolution", offsetof(struct event, resolution)},
    {"expiry", offsetof(struct event, expiry)},
    {"account_id", offsetof(struct event, account_id)},
    {"user_id", offsetof(struct event, user_id)},
    {"event", offsetof(struct event, exchange_event)},
};

struct route_table {
    struct route row[EVENT_TYPES];
    char *text[TEXTS_MAX]; /* what a file brought */
    unsigned texts;
};

/* Offset in struct event of a name; false where templates have no such name. */
static bool name_offset(struct span name, size_t *offset)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (span_is(name, names[i].name)) {
            *offset = names[i].offset;
            return true;
        }
    }
    return false;
}

/* Letters of names, colons and {names}. */
static bool template_ok(struct span text)
{
    const char *s = text.ptr, *end = text.ptr + text.len, *close;
    size_t offset;

    for (; s < end; s++) {
        if (*s == '{') {
            close = memchr(s, '}', (size_t)(end - s));
            if (!close ||
                !name_offset(span_make(s + 1, (size_t)(close - s - 1)),
                             &offset))
                return false;
            s = close;
        } else if (*s != ':' && !event_name_letter(*s)) {
            return false;
        }
    }
    return text.len <= ROUTE_NAME_MAX;
}

static bool read_template(struct route_table *t, const json_value *v,
                          const char **out)
{
    struct span text;

    if (!json_text(v, &text) || !template_ok(text) || t->texts == TEXTS_MAX)
        return false;
    *out = t->text[t->texts++] = mem_str(text);
    return true;
}

static bool read_kind(const json_value *v, enum route_key_kind *out)
{
    struct span text;

    if (!json_text(v, &text))
        return false;
    for (unsigned i = ROUTE_KEY_NONE; i <= ROUTE_KEY_SORTED; i++) {
        if (span_is(text, route_key_kind_name((enum route_key_kind)i))) {
            *out = (enum route_key_kind)i;
            return true;
        }
    }
    return false;
}

static bool read_count(const json_value *v, int64_t *out)
{
    int64_t n;

    if (!json_int(v, &n) || n < 0)
        return false;
    *out = n;
    return true;
}

static bool read_field(struct route_table *t, struct route *row,
                       const char *name, const json_value *v)
{
    if (strcmp(name, "channel") == 0)
        return read_template(t, v, &row->channel);
    if (strcmp(name, "channel2") == 0)
        return read_template(t, v, &row->channel2);
    if (strcmp(name, "key") == 0)
        return read_template(t, v, &row->key);
    if (strcmp(name, "stream") == 0)
        return read_template(t, v, &row->stream);
    if (strcmp(name, "key_kind") == 0)
        return read_kind(v, &row->key_kind);
    if (strcmp(name, "key_ttl_ms") == 0)
        return read_count(v, &row->key_ttl_ms);
    if (strcmp(name, "key_keep") == 0)
        return read_count(v, &row->key_keep);
    if (strcmp(name, "journal") == 0)
        return json_bool(v, &row->journal);
    return false;
}

static bool read_row(struct route_table *t, const char *path, const char *type,
                     const json_value *members, struct err *err)
{
    enum event_type which;
    struct route *row;
    const char *name;

    if (!event_type_of(span_str(type), &which))
        return err_set(err, ERR_CONFIG, "%s: '%s' is not an event type", path,
                       type);
    if (!json_is_object(members))
        return err_set(err, ERR_CONFIG, "%s: %s is not an object", path, type);
    row = &t->row[which];
    row->profile = "file";
    for (size_t i = 0; i < json_count(members); i++) {
        const json_value *v = json_member_at(members, i, &name);

        if (!read_field(t, row, name, v))
            return err_set(err, ERR_CONFIG,
                           "%s: %s.%s is not a member of a route or has a "
                           "value that it cannot have",
                           path, type, name);
    }
    if (row->key[0] != '\0' && row->key_kind == ROUTE_KEY_NONE)
        return err_set(err, ERR_CONFIG,
                       "%s: %s.key needs key_kind (string, list or sorted)",
                       path, type);
    if (row->journal && which > EVENT_TRADE_EXCLUDED)
        return err_set(err, ERR_CONFIG,
                       "%s: %s.journal: only ticks and trades have a journal",
                       path, type);
    return true;
}

static bool read_file(struct route_table *t, const char *path, struct err *err)
{
    json_value *root = json_read_file(path, err);
    const char *type;
    bool ok = root != NULL;

    if (root && !json_is_object(root))
        ok = err_set(err, ERR_CONFIG, "%s: is not a JSON object", path);
    for (size_t i = 0; ok && i < json_count(root); i++) {
        const json_value *members = json_member_at(root, i, &type);

        ok = read_row(t, path, type, members, err);
    }
    json_free(root);
    return ok;
}

static void use_built_in(struct route_table *t)
{
    for (unsigned i = 0; i < EVENT_TYPES; i++)
        t->row[i].type = (enum event_type)i;
    for (size_t i = 0; i < sizeof built_in / sizeof *built_in; i++)
        t->row[built_in[i].type] = built_in[i];
    for (unsigned i = 0; i < EVENT_TYPES; i++) {
        struct route *r = &t->row[i];

        r->profile = r->profile ? r->profile : "";
        r->channel = r->channel ? r->channel : "";
        r->channel2 = r->channel2 ? r->channel2 : "";
        r->key = r->key ? r->key : "";
        r->stream = r->stream ? r->stream : "";
    }
}

struct route_table *route_table_new(const char *path, struct err *err)
{
    struct route_table *t = mem_zero(sizeof *t);

    use_built_in(t);
    if (path && !read_file(t, path, err)) {
        route_table_free(t);
        return NULL;
    }
    for (unsigned i = 0; i < EVENT_TYPES; i++)
        route_note_own(&t->row[i]);
    return t;
}

void route_table_free(struct route_table *t)
{
    if (!t)
        return;
    for (unsigned i = 0; i < t->texts; i++)
        free(t->text[i]);
    free(t);
}

const struct route *route_of(const struct route_table *t, enum event_type type)
{
    assert((unsigned)type < EVENT_TYPES);
    return &t->row[type];
}

bool route_expand(const char *tmpl, struct span prefix, const struct event *ev,
                  struct bytes *out)
{
    size_t from = out->len, offset;
    const char *open, *close;

    if (tmpl[0] == '\0')
        return false;
    bytes_add_span(out, prefix);
    while ((open = strchr(tmpl, '{')) != NULL) {
        const struct span *value;
        bool known;

        close = strchr(open, '}');
        known = close &&
                name_offset(span_make(open + 1, (size_t)(close - open - 1)),
                            &offset);
        assert(known); /* templates are checked when they are read */
        value = (const void *)((const char *)ev + offset);
        if (value->len == 0) {
            out->len = from;
            return false;
        }
        bytes_add(out, tmpl, (size_t)(open - tmpl));
        bytes_add_span(out, *value);
        tmpl = close + 1;
    }
    bytes_add_str(out, tmpl);
    return true;
}

unsigned route_shard(struct span symbol, unsigned shards)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a, 64 bits */

    assert(shards > 0);
    for (size_t i = 0; i < symbol.len; i++)
        hash = (hash ^ (unsigned char)symbol.ptr[i]) * 1099511628211u;
    return (unsigned)(hash % shards);
}

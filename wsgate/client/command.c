#include "wsgate/client/command.h"

#include <stdlib.h>

#include "common/event/channel_name.h"
#include "common/json/json_writer.h"
#include "common/json/scan.h"

enum field {
    TYPE,
    ID,
    CHANNEL,
    CHANNELS,
    SYMBOL,
    RESOLUTION,
    EXPIRY,
    ACCOUNT_ID,
    USER_ID,
    MODE,
    INTERVAL_MS,
    SNAPSHOT,
    SINCE,
    FIELDS
};

static const char *const field_names[FIELDS] = {
    "type",        "id",       "channel",    "channels", "symbol",
    "resolution",  "expiry",   "account_id", "user_id",  "mode",
    "interval_ms", "snapshot", "since"};

/* What the message says of each; empty: nothing. */
struct fields {
    struct span at[FIELDS];
};

static bool fail(const char **why, const char *text)
{
    *why = text;
    return false;
}

/* --- values --- */

/* Without quotes and escapes. */
static struct span unescape(struct command *cmd, struct span raw)
{
    char *to;
    size_t len;

    if (!cmd->unescaped || !memchr(raw.ptr, '\\', raw.len))
        return raw;
    to = cmd->unescaped + cmd->n_unescaped;
    /* There is room: no escape is shorter than what it stands for. */
    if (!scan_unescape(raw, to, raw.len, &len))
        return span_make("", 0);
    cmd->n_unescaped += len;
    return span_make(to, len);
}

static bool read_text(struct command *cmd, struct span value, struct span *out)
{
    if (value.len == 0 || value.ptr[0] != '"')
        return false;
    *out = unescape(cmd, span_make(value.ptr + 1, value.len - 2));
    return true;
}

static bool read_int(struct span value, int64_t *out)
{
    bool minus = value.len > 0 && value.ptr[0] == '-';
    struct span digits = span_make(value.ptr + minus, value.len - minus);
    uint64_t n;

    if (!span_number(digits, SPAN_DIGITS_MAX, &n) || n > INT64_MAX)
        return false;
    *out = minus ? -(int64_t)n : (int64_t)n;
    return true;
}

static bool is_given(struct span value)
{
    return value.len > 0;
}

/* --- members --- */

/* The text is an object, and has each name once. */
static void read_fields(struct span text, struct fields *f)
{
    const char *end = text.ptr + text.len;
    struct scan_member m = {.at = scan_space(text.ptr, end)};

    *f = (struct fields){0};
    while (scan_member_next(&m, end)) {
        unsigned i = 0;

        while (i < FIELDS && !scan_key_is(m.key, field_names[i]))
            i++;
        if (i < FIELDS)
            f->at[i] = m.value;
    }
}

static bool read_id(struct span value, struct command *cmd, const char **why)
{
    struct span text;
    int64_t number;

    if (!is_given(value))
        return true;
    if (read_int(value, &number)) {
        bytes_add_int(&cmd->id, number);
        return true;
    }
    if (!read_text(cmd, value, &text) || text.len > COMMAND_ID_MAX)
        return fail(why, "id is not an integer or a string of up to 64 bytes");
    json_quote(&cmd->id, text);
    return true;
}

static bool read_kind(struct span value, struct command *cmd, const char **why)
{
    static const struct {
        const char *name;
        enum command_kind kind;
    } kinds[] = {
        {"subscribe", COMMAND_SUBSCRIBE}, {"unsubscribe", COMMAND_UNSUBSCRIBE},
        {"list", COMMAND_LIST},           {"auth", COMMAND_AUTH},
        {"ping", COMMAND_PING},
    };
    struct span type;

    if (!read_text(cmd, value, &type))
        return fail(why, "type is missing (try subscribe, unsubscribe, list, "
                         "ping)");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (span_is(type, kinds[i].name)) {
            cmd->kind = kinds[i].kind;
            return true;
        }
    }
    return fail(why, "type is not known (try subscribe, unsubscribe, list, "
                     "ping)");
}

/* {"channel":"bars","symbol":"AAPL","resolution":"1"} is bars:AAPL:1. */
static bool join(const struct fields *f, struct command *cmd, const char **why)
{
    struct span text;
    int64_t number;

    if (!read_text(cmd, f->at[CHANNEL], &text))
        return fail(why, "channel is not a string");
    bytes_add_span(&cmd->joined, text);
    for (unsigned i = SYMBOL; i <= USER_ID; i++) {
        struct span value = f->at[i];
        if (!is_given(value))
            continue;
        bytes_add_str(&cmd->joined, ":");
        if (read_text(cmd, value, &text))
            bytes_add_span(&cmd->joined, text);
        else if (read_int(value, &number))
            bytes_add_int(&cmd->joined, number);
        else
            return fail(why, "a part of the channel is not a string or an "
                             "integer");
    }
    return true;
}

static bool name_is(const struct node *n, struct span asked)
{
    return span_eq(node_of(const struct command_name, node, n)->asked, asked);
}

/* The item of a valid array that begins at *at or behind it, which is then
 * behind it; false: there are no more. */
static bool next_item(const char **at, const char *end, struct span *item)
{
    const char *bad, *s = scan_space(*at, end);

    if (*s == ',')
        s = scan_space(s + 1, end);
    if (*s == ']')
        return false;
    item->ptr = s;
    *at =
        *s == '"' ? scan_string(s + 1, end, &bad) : scan_value(s, end, 1, &bad);
    item->len = (size_t)(*at - s);
    return true;
}

/* At most: what stands between them counts, too. */
static size_t count_texts(struct span array)
{
    size_t quotes = 0;

    for (size_t i = 0; i < array.len; i++)
        quotes += array.ptr[i] == '"';
    return quotes / 2;
}

/* Whatever is no text is the empty name, and said to be none once. */
static void read_array(struct command *cmd, struct span array)
{
    const char *at = array.ptr + 1, *end = array.ptr + array.len;
    struct span item;
    struct table seen;

    cmd->names = mem_alloc((count_texts(array) + 1) * sizeof *cmd->names);
    table_init(&seen, name_is);
    while (next_item(&at, end, &item)) {
        struct command_name *name = &cmd->names[cmd->n_channels];
        struct span asked = span_make("", 0);

        (void)read_text(cmd, item, &asked);
        if (table_find(&seen, asked))
            continue;
        name->asked = asked;
        table_add(&seen, &name->node, asked);
        cmd->n_channels++;
    }
    table_close(&seen);
}

static bool read_channels(const struct fields *f, struct command *cmd,
                          const char **why)
{
    struct span channels = f->at[CHANNELS];

    if (!is_given(channels) && !is_given(f->at[CHANNEL]))
        return fail(why, "channel or channels is missing");
    if (is_given(channels) && channels.ptr[0] != '[')
        return fail(why, "channels is not an array");
    if (is_given(channels)) {
        read_array(cmd, channels);
        return true;
    }
    if (!join(f, cmd, why))
        return false;
    cmd->names = mem_alloc(sizeof *cmd->names);
    cmd->names->asked = bytes_span(&cmd->joined);
    cmd->n_channels = 1;
    return true;
}

static bool read_how(const struct fields *f, struct command *cmd,
                     const char **why)
{
    struct span mode = f->at[MODE], interval = f->at[INTERVAL_MS];
    struct span snapshot = f->at[SNAPSHOT], text;

    if (is_given(mode)) {
        if (!read_text(cmd, mode, &text) ||
            !(span_is(text, "latest") || span_is(text, "all")))
            return fail(why, "mode is not latest or all");
        cmd->mode = span_is(text, "all") ? COMMAND_ALL : COMMAND_LATEST;
    }
    if (is_given(interval) &&
        (!read_int(interval, &cmd->interval_ms) || cmd->interval_ms < 0 ||
         cmd->interval_ms > COMMAND_INTERVAL_MAX_MS))
        return fail(why, "interval_ms is not an integer from 0 to 60000");
    if (cmd->interval_ms > 0 && cmd->mode == COMMAND_ALL)
        return fail(why, "interval_ms needs mode latest");
    if (is_given(snapshot)) {
        cmd->snapshot = span_is(snapshot, "true");
        if (!cmd->snapshot && !span_is(snapshot, "false"))
            return fail(why, "snapshot is not true or false");
    }
    return true;
}

/* --- positions --- */

static bool channel_is(const struct node *n, struct span channel)
{
    return span_eq(node_of(const struct command_since, node, n)->channel,
                   channel);
}

static bool read_since(struct span value, struct command *cmd, const char **why)
{
    struct scan_member m = {.at = value.ptr};
    const char *end;
    size_t n = 0;

    if (!is_given(value))
        return true;
    if (value.ptr[0] != '{')
        return fail(why, "since is not an object");
    end = value.ptr + value.len;
    while (scan_member_next(&m, end))
        n++;
    cmd->since = mem_alloc((n + 1) * sizeof *cmd->since);
    m.at = value.ptr;
    for (size_t i = 0; scan_member_next(&m, end); i++) {
        struct command_since *since = &cmd->since[i];

        since->channel = unescape(cmd, m.key);
        since->id = span_str("");
        (void)read_text(cmd, m.value, &since->id);
        table_add(&cmd->positions, &since->node, since->channel);
    }
    return true;
}

static void read_names(struct command *cmd)
{
    struct bytes name;

    bytes_init(&name);
    for (size_t i = 0; i < cmd->n_channels; i++) {
        struct command_name *n = &cmd->names[i];

        n->why = NULL;
        (void)channel_name_read(n->asked, &name, &n->why);
        n->at = (uint32_t)cmd->names_text.len;
        n->len = (uint32_t)name.len;
        bytes_add_span(&cmd->names_text, bytes_span(&name));
    }
    bytes_close(&name);
}

struct span command_channel(const struct command *cmd, size_t i)
{
    return cmd->names[i].asked;
}

struct span command_name(const struct command *cmd, size_t i, const char **why)
{
    const struct command_name *name = &cmd->names[i];

    *why = name->why;
    return name->len == 0
               ? span_make("", 0)
               : span_make(cmd->names_text.ptr + name->at, name->len);
}

bool command_since(const struct command *cmd, size_t i, struct span *id)
{
    const char *why;
    const struct node *n;

    if (!cmd->since)
        return false;
    n = table_find(&cmd->positions, command_channel(cmd, i));
    if (!n)
        n = table_find(&cmd->positions, command_name(cmd, i, &why));
    if (n)
        *id = node_of(const struct command_since, node, n)->id;
    return n != NULL;
}

static bool positions_fit(const struct command *cmd)
{
    struct span id;

    for (size_t i = 0; i < cmd->n_channels; i++) {
        if (command_since(cmd, i, &id) && id.len > COMMAND_SINCE_MAX)
            return false;
    }
    return true;
}

/* Is it an object, and JSON? */
static bool is_object(struct span text)
{
    const char *bad;

    return scan_text(text, &bad) &&
           *scan_space(text.ptr, text.ptr + text.len) == '{' &&
           scan_unique(text, &bad);
}

bool command_read(struct span text, struct command *cmd, const char **why)
{
    struct fields f;

    *cmd = (struct command){.snapshot = true};
    bytes_init(&cmd->id);
    bytes_init(&cmd->joined);
    bytes_init(&cmd->names_text);
    table_init(&cmd->positions, channel_is);
    if (!is_object(text))
        return fail(why, "the message is not a JSON object");
    if (memchr(text.ptr, '\\', text.len))
        cmd->unescaped = mem_alloc(text.len);
    read_fields(text, &f);
    if (!read_id(f.at[ID], cmd, why) || !read_kind(f.at[TYPE], cmd, why))
        return false;
    if (cmd->kind != COMMAND_SUBSCRIBE && cmd->kind != COMMAND_UNSUBSCRIBE)
        return true;
    if (!read_how(&f, cmd, why) || !read_since(f.at[SINCE], cmd, why) ||
        !read_channels(&f, cmd, why))
        return false;
    read_names(cmd);
    if (!positions_fit(cmd))
        return fail(why, "a position in since is longer than 64 bytes");
    return true;
}

void command_free(struct command *cmd)
{
    bytes_close(&cmd->id);
    bytes_close(&cmd->joined);
    bytes_close(&cmd->names_text);
    table_close(&cmd->positions);
    free(cmd->since);
    free(cmd->names);
    free(cmd->unescaped);
    cmd->since = NULL;
    cmd->names = NULL;
    cmd->unescaped = NULL;
}

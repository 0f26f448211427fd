#include "wsgate/client/command.h"

#include <stdlib.h>

#include "common/event/channel_name.h"
#include "common/event/route.h"
#include "common/json/json_writer.h"

static bool fail(const char **why, const char *text)
{
    *why = text;
    return false;
}

static bool read_id(const json_value *v, struct command *cmd, const char **why)
{
    struct span text;
    int64_t number;

    if (!v)
        return true;
    if (json_int(v, &number)) {
        bytes_add_int(&cmd->id, number);
        return true;
    }
    if (!json_text(v, &text) || text.len > COMMAND_ID_MAX)
        return fail(why, "id is not an integer or a string of up to 64 bytes");
    json_quote(&cmd->id, text);
    return true;
}

static bool read_kind(const json_value *root, struct command *cmd,
                      const char **why)
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

    if (!json_text(json_member(root, "type"), &type))
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
static bool join(const json_value *root, struct command *cmd, const char **why)
{
    static const char *const parts[] = {"symbol", "resolution", "expiry",
                                        "account_id", "user_id"};
    struct span text;
    int64_t number;

    if (!json_text(json_member(root, "channel"), &text))
        return fail(why, "channel is not a string");
    bytes_add_span(&cmd->joined, text);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        const json_value *v = json_member(root, parts[i]);
        if (!v)
            continue;
        bytes_add_str(&cmd->joined, ":");
        if (json_text(v, &text))
            bytes_add_span(&cmd->joined, text);
        else if (json_int(v, &number))
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

/* Whatever is no text is the empty name, and said to be none once. */
static void read_array(struct command *cmd, const json_value *channels)
{
    size_t n = json_count(channels);
    struct table seen;

    cmd->names = mem_alloc((n + 1) * sizeof *cmd->names);
    table_init(&seen, name_is);
    for (size_t i = 0; i < n; i++) {
        struct command_name *name = &cmd->names[cmd->n_channels];
        struct span asked = span_make("", 0);

        (void)json_text(json_item(channels, i), &asked);
        if (table_find(&seen, asked))
            continue;
        name->asked = asked;
        table_add(&seen, &name->node, asked);
        cmd->n_channels++;
    }
    table_close(&seen);
}

static bool read_channels(const json_value *root, struct command *cmd,
                          const char **why)
{
    const json_value *channels = json_member(root, "channels");

    if (!channels && !json_member(root, "channel"))
        return fail(why, "channel or channels is missing");
    if (channels && !json_is_array(channels))
        return fail(why, "channels is not an array");
    if (channels) {
        read_array(cmd, channels);
        return true;
    }
    if (!join(root, cmd, why))
        return false;
    cmd->names = mem_alloc(sizeof *cmd->names);
    cmd->names->asked = bytes_span(&cmd->joined);
    cmd->n_channels = 1;
    return true;
}

static bool read_how(const json_value *root, struct command *cmd,
                     const char **why)
{
    const json_value *mode = json_member(root, "mode");
    const json_value *interval = json_member(root, "interval_ms");
    const json_value *snapshot = json_member(root, "snapshot");
    struct span text;

    if (mode) {
        if (!json_text(mode, &text) ||
            !(span_is(text, "latest") || span_is(text, "all")))
            return fail(why, "mode is not latest or all");
        cmd->mode = span_is(text, "all") ? COMMAND_ALL : COMMAND_LATEST;
    }
    if (interval &&
        (!json_int(interval, &cmd->interval_ms) || cmd->interval_ms < 0 ||
         cmd->interval_ms > COMMAND_INTERVAL_MAX_MS))
        return fail(why, "interval_ms is not an integer from 0 to 60000");
    if (cmd->interval_ms > 0 && cmd->mode == COMMAND_ALL)
        return fail(why, "interval_ms needs mode latest");
    if (snapshot && !json_bool(snapshot, &cmd->snapshot))
        return fail(why, "snapshot is not true or false");
    return true;
}

static bool read_since(const json_value *root, struct command *cmd,
                       const char **why)
{
    cmd->since = json_member(root, "since");
    if (cmd->since && !json_is_object(cmd->since))
        return fail(why, "since is not an object");
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

static const json_value *since_of(const struct command *cmd,
                                  struct span channel)
{
    char key[ROUTE_NAME_MAX + 1];

    if (channel.len >= sizeof key)
        return NULL;
    memcpy(key, channel.ptr, channel.len);
    key[channel.len] = '\0';
    return json_member(cmd->since, key);
}

bool command_since(const struct command *cmd, size_t i, struct span *id)
{
    const char *why;
    const json_value *v;

    if (!cmd->since)
        return false;
    v = since_of(cmd, command_channel(cmd, i));
    if (!v)
        v = since_of(cmd, command_name(cmd, i, &why));
    *id = span_str("");
    (void)json_text(v, id);
    return v != NULL;
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

bool command_read(struct span text, struct command *cmd, const char **why)
{
    *cmd = (struct command){.snapshot = true};
    bytes_init(&cmd->id);
    bytes_init(&cmd->joined);
    bytes_init(&cmd->names_text);
    cmd->root = json_read(text, NULL);
    if (!json_is_object(cmd->root))
        return fail(why, "the message is not a JSON object");
    if (!read_id(json_member(cmd->root, "id"), cmd, why) ||
        !read_kind(cmd->root, cmd, why))
        return false;
    if (cmd->kind != COMMAND_SUBSCRIBE && cmd->kind != COMMAND_UNSUBSCRIBE)
        return true;
    if (!read_how(cmd->root, cmd, why) || !read_since(cmd->root, cmd, why) ||
        !read_channels(cmd->root, cmd, why))
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
    free(cmd->names);
    cmd->names = NULL;
    json_free(cmd->root);
    cmd->root = NULL;
}

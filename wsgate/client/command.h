/*
 * command.h -- one JSON message from a client, as what it asks for.
 *
 * Pure: text in, struct out.
 *
 * Limits      the work is that of reading the text once: a channel that is
 *             named again, in the same words, is dropped, and so is all that is
 *             no text but once
 * Ownership   command_read() fills a struct that command_free() empties; spans
 *             point into it and into the text, which has to stay until then
 * Source      docs/protocol.md, Client to server
 */
#pragma once

#include "common/base/bytes.h"
#include "common/base/span.h"
#include "common/base/table.h"

enum command_kind {
    COMMAND_SUBSCRIBE,
    COMMAND_UNSUBSCRIBE,
    COMMAND_LIST,
    COMMAND_AUTH,
    COMMAND_PING,
};

enum command_mode { COMMAND_DEFAULT, COMMAND_LATEST, COMMAND_ALL };

enum {
    COMMAND_ID_MAX = 64,    /* bytes of text */
    COMMAND_SINCE_MAX = 64, /* bytes of one position */
    COMMAND_INTERVAL_MAX_MS = 60000,
};

/* A channel as channel_name_read() reads it. */
struct command_name {
    struct node node;  /* by what was asked */
    struct span asked; /* empty: it was no text */
    const char *why;   /* it is no name; NULL: it is one */
    uint32_t at;       /* in command->names_text */
    uint32_t len;
};

/* What a client last saw of a channel. */
struct command_since {
    struct node node; /* by the channel's name, as it is written */
    struct span channel, id;
};

struct command {
    enum command_kind kind;
    struct bytes id; /* as JSON text; empty: none */
    enum command_mode mode;
    int64_t interval_ms; /* 0: none */
    bool snapshot;
    size_t n_channels; /* each as often as it was spelled in another way */
    struct command_since *since; /* NULL: it does not say */
    struct table positions;      /* of those */
    char *unescaped;             /* texts that were written with escapes */
    size_t n_unescaped;
    struct bytes joined;
    struct command_name *names; /* one a channel */
    struct bytes names_text;
};

/* False: *why says what is wrong, for the client (code bad_request); cmd->id
 * is set if it could be read.  command_free() is needed in any case. */
bool command_read(struct span text, struct command *cmd, const char **why);
void command_free(struct command *cmd);
/* The i-th channel as it was asked for; empty where the array holds something
 * else than text. */
struct span command_channel(const struct command *cmd, size_t i);
/* Its canonical name; empty where it is none: *why says what is wrong. */
struct span command_name(const struct command *cmd, size_t i, const char **why);
/* What the client last saw of it, by either name; false: it did not say.  At
 * most COMMAND_SINCE_MAX bytes. */
bool command_since(const struct command *cmd, size_t i, struct span *id);

/*
 * route.h -- which channel, key and stream an event goes to: data, not code.
 *
 * One row a type.  Templates hold prefix-free names with {symbol},
 * {resolution}, {expiry}, {account_id}, {user_id} and {event}; an empty
 * template means "not published there".  docs/messages.md is the source of the
 * built-in tables.  Every channel also has `last:{channel}`, which needs no
 * row.  The columns bare, private_to and mode say who may subscribe and how messages
 * are delivered; a file cannot change them.
 *
 * A routes file is a JSON object, one member a type, whose members replace
 * those of the row: {"tick": {"channel": "quotes:{symbol}"}}.
 *
 * Errors      a file that cannot be used is ERR_CONFIG, with its path, the type
 *             and the member
 * Ownership   rows and their texts belong to the table
 */
#pragma once

#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/event/event.h"

enum route_key_kind {
    ROUTE_KEY_NONE,
    ROUTE_KEY_STRING,
    ROUTE_KEY_LIST,
    ROUTE_KEY_SORTED
};

/* "none", "string", "list" or "sorted". */
const char *route_key_kind_name(enum route_key_kind kind);

/* How a subscriber that does not say gets the messages of a channel. */
enum route_mode {
    ROUTE_LATEST, /* the newest, when it is behind */
    ROUTE_ALL,    /* every one, in order */
};

enum { ROUTE_TEMPLATES = 3 /* channel, channel2 and key */ };
enum { ROUTE_NAME_MAX = 255 }; /* longest channel name, prefix not counted */

struct route {
    const char *profile; /* the built-in table that it comes from */
    enum event_type type;
    const char *channel;
    const char *channel2; /* used where every name in it is known */
    const char *key;
    enum route_key_kind key_kind;
    int64_t key_ttl_ms; /* 0: none */
    int64_t key_keep;   /* newest entries kept in a list or sorted set; or 0 */
    const char *stream;
    bool journal;
    bool bare; /* it uses up no number of a publisher and is nobody's newest
                * message */
    const char *private_to; /* "{account_id}": what such a template names is
                             * that account's own; NULL: nothing of the row */
    enum route_mode mode;   /* of channels */
    struct span own[ROUTE_TEMPLATES]; /* first parts of the templates that have
                                       * private_to in them */
    unsigned n_own;
};

struct route_table; /* owns its rows */

/* path NULL: the built-in table.  A file overrides the rows that it names. */
struct route_table *route_table_new(const char *path, struct err *err);
void route_table_free(struct route_table *t);
const struct route *route_of(const struct route_table *t, enum event_type type);
/* For people: aligned columns, one type a line. */
void route_print(const struct route_table *t, const char *prefix,
                 struct bytes *out);

/* Append prefix and the template with its names filled in.  False (and nothing
 * appended) where the template is empty or the event lacks a name that it
 * uses. */
bool route_expand(const char *tmpl, struct span prefix, const struct event *ev,
                  struct bytes *out);

/* journal shard of a symbol: FNV-1a 64 of its bytes mod shards. */
unsigned route_shard(struct span symbol, unsigned shards);

/* Names with a part that begins with an underscore (`_probe:...`), and probes
 * under whatever prefix, are what the tools say to themselves: no client
 * subscribes to them or feeds them. */
bool route_channel_is_internal(struct span name);

/* --- route_access.c: who may have a channel, and how it is delivered --- */

/* Sets own and n_own of a row. */
void route_note_own(struct route *r);

/* Is the name or pattern one account's or user's own?  So is `executions:42`
 * whatever stands before it: another environment on the same Redis may have a
 * prefix that this one does not know.  What has a key but no channel
 * (`account`) is so by its bare name, too. */
bool route_is_private(const struct route_table *t, struct span name);

/* May a message on this channel, which is not private itself, be somebody's
 * own?  That is so where a row with private_to has a channel for everybody. */
bool route_may_hold_private(const struct route_table *t, struct span channel);
/* Is it?  Then *channel, in place of what was there, is the private channel
 * that it belongs to, without prefix; empty: it names somebody in a way that
 * no channel can, and is nobody's to hear.  The name may be a string or a
 * number, in the payload or in its member `data`; "" and null name nobody.  Its
 * type says which row it is of; one that is in no row, or none, is taken for
 * any of those.  payload may be any text; one that names nobody costs a search
 * for the members' names. */
bool route_private_target(const struct route_table *t, struct span payload,
                          struct bytes *channel);

/* How a name or pattern is delivered unless the client says: in full where it
 * is, or takes in, a channel that is. */
enum route_mode route_mode_of(const struct route_table *t, struct span name);
/* Does the channel carry many symbols, so that the newest message is one of
 * each? */
bool route_is_by_symbol(const struct route_table *t, struct span channel);
/* The same of a row. */
bool route_has_symbols(const struct route *r);

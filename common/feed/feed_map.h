/*
 * feed_map.h -- the tables that feed_read() works from.
 *
 * A new feed is a file feed_NAME.c with its rows, and its name below and in feed.c;
 * only a value that is written in a way that no conversion here knows needs
 * code.
 *
 * Private to feed*.c.
 */
#pragma once

#include "common/event/event.h"

enum feed_conversion {
    FEED_TEXT = 1,  /* a string: passed on as it is */
    FEED_DECIMAL,   /* a number, or a string that is one */
    FEED_TIME,      /* the same, unit by magnitude; or RFC 3339 */
    FEED_ID,        /* a string or a whole number: becomes a string */
    FEED_SELL_TRUE, /* true: the seller was the taker */
    FEED_COUNT,     /* key to key2, both included: how many there are */
    FEED_RECEIVED,  /* no key: the time when it came */
    FEED_PRESENT,   /* must be there, is not passed on */
};

enum { FEED_INTRO_MAX = 32 };

/* Native members with what stands before their value: FEED_NATIVE("price"). */
#define FEED_NATIVE(name)                                                      \
    .native = name, .intro = ",\"" name "\":", .intro_len = sizeof(name) + 3

#define FEED_MEMBER(its_key, name, conversion)                                 \
    .key = its_key, FEED_NATIVE(name), .how = conversion

struct feed_member {
    const char *key;
    const char *native; /* the member that it becomes */
    char intro[FEED_INTRO_MAX];
    unsigned intro_len;
    enum feed_conversion how;
    bool optional;
    const char *key2;
};

enum { FEED_MEMBERS_MAX = 10 };

/* The kind that a row is for: the value of the feed's kind key. */
#define FEED_KIND(text) .kind = text, .kind_len = sizeof(text) - 1
#define FEED_BECOMES(which, name)                                              \
    .type = which, .head = "{\"type\":\"" name "\"",                           \
    .head_len = sizeof("{\"type\":\"" name "\"") - 1

struct feed_row {
    const char *kind; /* NULL: it has none, and is known by having all members
                         that are not optional */
    unsigned kind_len;
    enum event_type type;
    char head[FEED_INTRO_MAX]; /* what the native object begins with */
    unsigned head_len;
    struct feed_member member[FEED_MEMBERS_MAX]; /* ends where how is 0 */
    /* What a trade becomes that uses up an id but was not made in the market:
     * market_key is there and says something else than market_word, or a
     * decimal is zero.  NULL: there are none. */
    const struct feed_row *excluded;
    const char *market_key, *market_word;
};

struct feed {
    const char *name;
    const char *kind_key;
    const char *wrapper,
        *wrapped;               /* both there: the message is in the second */
    const struct feed_row *row; /* ends with a row without members */
};

extern const struct feed feed_binance;
extern const struct feed *const feed_map[]; /* ends with NULL */

/*
 * destination.h -- where an event goes, worked out once for each of its names.
 *
 * A destination joins what the route table says about one type with the names
 * of one event ("tick" of "AAPL"): its channels, latest-value key, stream and
 * journal shard.  Destinations of several types may share a channel and a key.
 * Channels keep the sequence number and remember what of them has changed since
 * it was last written.
 *
 * Pure: no Redis, no clock.
 *
 * Ownership   everything lives until destinations_close()
 * Bounds      max_destinations; destination_of() returns NULL beyond it
 */
#pragma once

#include "common/base/bytes.h"
#include "common/base/table.h"
#include "common/event/event.h"
#include "common/event/price.h"
#include "common/event/route.h"
#include "tickpub/publish/journal.h"

struct batch;

/* What each of the following is found by; first in them.  The text is owned. */
struct name {
    struct node node;
    struct span text;
};

/* One field of the hash last:{channel}: the newest message of one type. */
struct field {
    struct field *next; /* of its channel */
    enum event_type type;
    const struct batch *batch; /* where it waits; NULL: sent */
    uint32_t off, len;
    struct bytes sent; /* what was sent last, in case it is lost */
    uint64_t number;   /* of the command that sent it, see encoder.h */
    bool due;          /* sent holds what is to be sent (again) */
};

struct channel {
    struct name name; /* with the prefix */
    struct span head; /* RESP of PUBLISH up to the payload */
    struct span last; /* name of its last: hash, with the prefix */
    uint64_t seq;     /* of the message last accepted */
    bool dirty;       /* some field waits */
    struct field *fields;
    uint64_t expire_ms;    /* when its last: hash was given its lifetime */
    unsigned expire_link;  /* on which connection */
    uint32_t first, final; /* chain of records, while being sent */
};

/* The latest-value key of quotes and trades has a form of its own: a price. */
struct key {
    struct name name; /* with the prefix */
    enum route_key_kind kind;
    int64_t ttl_ms; /* 0: for ever */
    int64_t keep;
    bool dirty;                /* kind STRING: its newest value waits */
    uint64_t read_ms;          /* when that was read */
    const struct batch *batch; /* the value, unless it is a price */
    uint32_t off, len;
    struct bytes sent; /* as in a field, unless it is a price */
    uint64_t sent_ms;  /* when that was read */
    uint64_t number;
    bool due;
    bool is_price;
    struct span symbol;
    struct price price;
};

struct stream {
    struct name name; /* with the prefix */
    struct journal_stream waiting;
};

struct destination {
    struct name name;
    unsigned generation; /* of the route table that it was made from */
    struct channel *channel[2];
    struct field *field[2];
    struct key *key;
    struct stream *stream; /* one entry an event */
    struct stream *shard;  /* journal:{n}, many an entry; NULL: none */
    unsigned shard_number;
    bool bare; /* no number of a channel, no field of its last: hash */
};

struct destination_options {
    struct span prefix;
    int64_t price_ttl_ms; /* of price:*; 0: as the route says */
    unsigned shards;
    size_t max_destinations;
};

struct destinations {
    struct destination_options options;
    const struct route_table *routes;
    unsigned generation;
    bool by_symbol[EVENT_TYPES]; /* no route of the type uses another name */
    struct table found[EVENT_TYPES];
    struct table channels, keys, streams;
    struct stream *shards;
    size_t count; /* destinations */
    struct bytes scratch;
};

void destinations_init(struct destinations *t,
                       const struct destination_options *options,
                       const struct route_table *routes);
void destinations_close(struct destinations *t);
/* Other routes from now on; what exists is brought up to date when it is next
 * asked for, and sequence numbers go on. */
void destinations_reroute(struct destinations *t,
                          const struct route_table *routes);
/* NULL: max_destinations is reached. */
struct destination *destination_of(struct destinations *t,
                                   const struct event *ev);

/*
 * ordinary.h -- clients as a gateway has them every day, and what each of them
 * must see: the newest of all that it asked for, in order, and an answer.
 *
 * A slot is what one message replaces: a channel of market_data, a symbol of
 * stock:price_updates, or one of ORDINARY_FRESH places that channels with new
 * names take by turns.  The messages of a slot are counted from 1; a message
 * says its slot, its count and when it was due:  "k":12,"n":345,"t":<19 digits>.
 *
 * Units       *_ns monotonic nanoseconds; "t" is of CLOCK_REALTIME
 */
#pragma once

#include "tests/tools/load/histogram.h"
#include "tests/tools/load/peer.h"

enum {
    ORDINARY_FRESH = 64,
    ORDINARY_ARRIVE_MS = 5000, /* a newcomer that waited so long is late */
};

enum ordinary_kind {
    ORDINARY_NAMED,    /* some channels, by name */
    ORDINARY_TAPE,     /* every channel, by name; these can be told to stall */
    ORDINARY_WILD,     /* market_data:* */
    ORDINARY_INTERVAL, /* the same, every 250 ms */
    ORDINARY_STOCK,    /* /api/v1/ws: all symbols */
    ORDINARY_SLOW,     /* market_data:*, reads less than comes */
    ORDINARY_COMER,    /* arrives, hears something, goes, comes again */
    ORDINARY_KINDS,
};

/* What became of them since the last slice. */
struct tally {
    struct histogram latency; /* due to received; not of slow ones */
    struct histogram ping;    /* to pong */
    struct histogram arrival; /* connect to first update, of newcomers */
    uint64_t received;
    uint64_t missed;     /* of those who read: a count was skipped */
    uint64_t older;      /* an update that was not above the last one */
    uint64_t cut;        /* connections that the gateway ended */
    uint64_t refused;    /* connections that it did not take */
    uint64_t denied;     /* answers that say no */
    uint64_t late;       /* newcomers who heard nothing in time */
    uint64_t silence_ms; /* longest that one of those who read heard nothing */
    char first_fault[256];
};

struct ordinary {
    struct peer peer; /* must be first */
    enum ordinary_kind kind;
    unsigned index;
    int64_t *last; /* of each slot; 0: nothing yet */
    uint64_t opened_ns, heard_ns, next_ns, ping_ns;
    uint64_t read_credit;
    bool answered, right, heard;
};

struct field {
    int epoll;
    unsigned port;
    unsigned channels, stocks, takes; /* takes: channels of a named one */
    unsigned slots;
    unsigned slow_bytes; /* a second */
    uint64_t ping_every_ns;
    bool unthrottled; /* slow ones read all now */
    int64_t *floor;   /* what is right: no slot may be below */
    struct ordinary *all;
    unsigned count;
    struct tally tally;
};

/* "named", "tape" ...; ORDINARY_KINDS where there is none of that name. */
enum ordinary_kind ordinary_kind_of(const char *name);
void ordinary_init(struct ordinary *o, const struct field *f,
                   enum ordinary_kind kind, unsigned index);
void ordinary_open(struct ordinary *o, struct field *f, uint64_t now_ns);
/* What it waits for may come from here on. */
void ordinary_waits(struct ordinary *o, uint64_t now_ns);
void ordinary_on_event(struct ordinary *o, struct field *f, uint32_t events,
                       uint64_t now_ns);
/* Every 10 ms: who is to come again, who pings, how much a slow one reads. */
void ordinary_on_tick(struct ordinary *o, struct field *f, uint64_t now_ns);
/* Whether it has an answer and no slot that it takes is below the floor. */
bool ordinary_is_right(struct ordinary *o, const struct field *f);

/*
 * attack.h -- what hostile and clumsy clients do, one kind each.
 *
 * Each kind has its own address, 127.0.0.<ATTACK_FIRST_ADDRESS + its number>,
 * so many connections, and so many acts a second over all of them.  A connection
 * whose last act still waits for the gateway to read it is passed over: what a
 * gateway does not read is not piled up here.
 */
#pragma once

#include "tests/tools/load/peer.h"

enum { ATTACK_FIRST_ADDRESS = 2, ATTACK_KINDS = 20 };

struct attack_conn {
    struct peer peer; /* must be first */
    unsigned kind;
    unsigned turn;      /* acts on this connection */
    uint64_t next_ns;   /* not before */
    size_t read_credit; /* of those who read slowly */
};

struct attack_count {
    uint64_t acts; /* requests, messages, or what an attacker does at a time */
    uint64_t sent; /* bytes */
    uint64_t connects, refused;
    uint64_t ended; /* by the gateway */
    uint64_t held;  /* turns passed over: the last act was not read yet */
    uint64_t received;
};

/* What is done with what comes back. */
enum attack_reads {
    ATTACK_READS_ALL,
    ATTACK_READS_DRIP, /* 1 KB a second, each connection */
    ATTACK_READS_NOTHING,
};

struct attack_kind {
    const char *name;
    const char *path; /* of the upgrade; NULL: plain HTTP */
    unsigned conns;
    double rate; /* acts a second, over all connections */
    enum attack_reads reads;
    bool connects; /* an act is a connection: it is made anew for each */
    void (*act)(struct attack_conn *c, struct bytes *out);
    /* NULL: nothing; how the connection ends after the act. */
    enum { ATTACK_STAYS, ATTACK_LEAVES, ATTACK_RESETS, ATTACK_HALF } then;
};

extern const struct attack_kind attack_kinds[ATTACK_KINDS];

/*
 * journal_internal.h -- what journal.c and journal_check.c share.
 *
 * journal.c: what is read, and when.  journal_check.c: is a stream the one that
 * we know?
 */
#pragma once

#include "bargen/source/journal.h"
#include "bargen/source/payload.h"

enum {
    BLOCK_MS = 2000, /* the link expects an answer within 6 s */
    /* Where shards come and go: a new one waits for the answer. */
    BLOCK_SHARED_MS = 250,
    RETRY_MS = 1000,
    KEY_MAX_BYTES = 128,
};

struct stream {
    struct journal *journal;
    unsigned shard;
    struct entry_id cursor; /* the last entry taken in */
    bool ours;              /* else it is not read */
    bool begun;             /* the cursor says something */
    bool checked;           /* since this connection was made */
    bool asked;             /* it is in the XREAD under way, as it is now */
    unsigned infos;         /* answers to XINFO awaited; the last one counts */
    char key[KEY_MAX_BYTES];
};

struct journal {
    struct source source;
    struct source_context to;
    struct journal_config config;
    struct redis_cmd *cmd; /* NULL: not begun */
    struct payload payload;
    uv_timer_t retry;
    bool refused; /* a stream could not be looked at */
    bool checked; /* all that were ours at first were */
    bool reading; /* XREAD is under way */
    bool caught_up;
    bool paused, closing;
    unsigned open;           /* handles and links */
    struct stream streams[]; /* config.shards */
};

/* Everything up to id was taken in. */
void journal_advance(struct stream *s, struct entry_id id);
/* Asks about the streams that are ours and were not looked at. */
void journal_check_new(struct journal *j);
bool journal_check_done(const struct journal *j);
void journal_go_on(struct journal *j);
void journal_try_later(struct journal *j);

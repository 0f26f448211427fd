/*
 * command.h -- Redis commands for channels, keys and streams, as bytes.
 *
 * Each function appends whole RESP commands and returns how many.  Names come
 * with their prefix.
 *
 * Pure: no Redis connection, no clock.
 */
#pragma once

#include "common/base/bytes.h"
#include "tickpub/publish/destination.h"

enum { LAST_TTL_S = 24 * 3600 };

/* PUBLISH channel payload */
unsigned command_publish(struct bytes *out, const struct channel *ch,
                         struct span payload);
/* HSET last:{channel} type payload ... for every field that is due */
unsigned command_last(struct bytes *out, const struct channel *ch);
/* EXPIRE last:{channel} 24 h */
unsigned command_last_ttl(struct bytes *out, const struct channel *ch);
/* SET key value [PX ttl_ms]; ttl_ms 0: for ever */
unsigned command_set(struct bytes *out, struct span key, struct span value,
                     int64_t ttl_ms);
/* LPUSH, LTRIM to keep (0: all) and PEXPIRE (0: none) */
unsigned command_list(struct bytes *out, const struct key *k,
                      struct span payload);
/* The member of this score is replaced; the newest keep stay (0: all). */
unsigned command_sorted(struct bytes *out, const struct key *k, int64_t score,
                        struct span payload);

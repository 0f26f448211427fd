/*
 * shard_ids.h -- fields "i:SYMBOL:CHUNK" of a shard's hash: trade ids that are
 * remembered one by one, some hundred blocks in each.
 *
 * A chunk that has changed is written, one that was forgotten is deleted; the
 * others cost nothing.
 */
#pragma once

#include "bargen/core/symbol.h"
#include "common/base/bytes.h"

/* Appends commands for what has changed since the last time: how many. */
unsigned shard_ids_put(struct bytes *run, const char *key, struct symbol *sym);

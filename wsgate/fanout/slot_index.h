/*
 * slot_index.h -- find one of many slots, and the one that was set longest ago.
 *
 * A stream with few slots is searched from its end; one with many has an index:
 * a table with open addressing over (type, part), and the slots in order of
 * their newest frames as a list.  Both go by the slots' places in the stream's
 * array.  To find, to add, to set and to take away the oldest each cost the
 * same however many there are.
 *
 * Pure: no clock, no sockets, no Redis.
 *
 * Ownership   slot_index_free(); the slots are the stream's
 * Limits      as many slots as fit in 16 bits, less one
 */
#pragma once

#include <stdint.h>

struct conflation_key;
struct slot_index;

enum { SLOT_NONE = 0xffff };

/* Of n slots, with room for max. */
struct slot_index *slot_index_new(const struct conflation_key *slots,
                                  uint32_t n, uint32_t max);
void slot_index_free(struct slot_index *x);

uint16_t slot_index_find(const struct slot_index *x,
                         const struct conflation_key *slots, uint16_t type,
                         int64_t part);
/* The slot at that place is new, and older than all others until it is set. */
void slot_index_add(struct slot_index *x, const struct conflation_key *slots,
                    uint16_t at);
void slot_index_remove(struct slot_index *x, const struct conflation_key *slots,
                       uint16_t at);
/* It has the newest frame of all. */
void slot_index_set(struct slot_index *x, uint16_t at);

/* In order; SLOT_NONE: there is none, or that was the last. */
uint16_t slot_index_oldest(const struct slot_index *x);
uint16_t slot_index_newest(const struct slot_index *x);
uint16_t slot_index_older(const struct slot_index *x, uint16_t at);
uint16_t slot_index_newer(const struct slot_index *x, uint16_t at);

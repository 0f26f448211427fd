/*
 * pubsub.h -- the source that hears what is said now: {prefix}market_data:*.
 *
 * For publishers that write no journal.  What is said while nobody listens is
 * lost: after every interruption the open bars are flagged.
 */
#ifndef BARGEN_SOURCE_PUBSUB_H
#define BARGEN_SOURCE_PUBSUB_H

#include <stdbool.h>

struct bargen;
struct pubsub;

struct pubsub *pubsub_new(struct bargen *b);
bool pubsub_ready(const struct pubsub *p);
void pubsub_close(struct pubsub *p);

#endif

/*
 * pattern.h -- wildcards, and which channels they cover.
 *
 * A channel may be covered by several patterns (bars:*:5 and bars:AAPL:*); all
 * of them have its first part, so they are looked for among the patterns of its
 * family.  Redis is asked for whole families (upstream_redis.c); which of the
 * messages are wanted is decided here.
 *
 * Pure, as channel.h.
 *
 * Ownership   patterns and families are the channels'; a family goes with its
 *             last pattern
 * Limits      PATTERNS_MAX patterns; a new channel is compared with each pattern
 *             of its family, a new view of a pattern with each channel
 */
#pragma once

#include "wsgate/channels/channel.h"

struct pattern *channels_find_pattern(const struct channels *cs,
                                      struct span name);
/* Made if need be; NULL: there are too many. */
struct pattern *channels_get_pattern(struct channels *cs, struct span name);
void channels_remove_pattern(struct channels *cs, struct pattern *p);
/* By the first part of a name, with its colon. */
struct family *channels_find_family(const struct channels *cs,
                                    struct span name);
/* Does one of the family's patterns match? */
bool family_matches(const struct family *family, struct span name);

/* Made if need be; those of the pattern that nobody uses go. */
struct pattern_view *pattern_view(struct channels *cs, struct pattern *p,
                                  enum dialect dialect, uint32_t interval_ms);
/* What a subscription id of the fanout stands for. */
struct pattern_view *channels_pattern_of(const struct channels *cs,
                                         uint32_t subscription);

/* For channel.c. */
void patterns_init(struct channels *cs);
void patterns_close(struct channels *cs);
/* The channel is new: whoever has patterns over it gets it, each group once. */
void patterns_cover(struct channels *cs, struct channel *channel);

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
 * A new pattern, or an interval of one, costs nothing until something is
 * published: each channel takes notice of it with its next message, or when it
 * is asked who hears it (hearing.h).
 *
 * Limits      PATTERNS_MAX patterns; of a name with up to four parts behind the
 *             family's, those that match are looked up, up to 16; a longer one
 *             is compared with each pattern of its family
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
/* How many of the family's patterns match; they are in cs->matching, in no
 * order, until the next call. */
uint32_t patterns_matching(struct channels *cs, const struct family *family,
                           struct span name);
/* Does any pattern match it, and may bring it? */
bool channel_is_covered(struct channels *cs, struct channel *channel);

/* Made if need be; those of the pattern that nobody uses go. */
struct pattern_view *pattern_view(struct channels *cs, struct pattern *p,
                                  enum dialect dialect, uint32_t interval_ms);
/* Frees its views that nobody uses. */
void pattern_trim(struct channels *cs, struct pattern *p);
/* What a subscription id of the fanout stands for. */
struct pattern_view *channels_pattern_of(const struct channels *cs,
                                         uint32_t subscription);

/* For channel.c. */
void patterns_init(struct channels *cs);
void patterns_close(struct channels *cs);
/* Whoever has patterns over the channel hears it from now on: before anything is
 * published on it, and before it is asked who hears it. */
void channel_cover(struct channels *cs, struct channel *channel);
/* A fanout.cover: the root is that of a channel. */
void patterns_cover(void *channels, struct stream *root);

/*
 * message.h -- what the gateway says: frames of the native protocol.
 *
 * Updates are written straight into the frame log; everything else goes to a
 * byte run as whole frames.  Pure: no clock, no sockets.
 *
 * Units       times are Unix milliseconds
 * Source      docs/protocol.md, Server to client
 */
#pragma once

#include "common/base/bytes.h"
#include "common/base/span.h"
#include "common/json/json_writer.h"

/* The constant front of a channel's updates: {"type":"update","channel":"x",
 * "seq": -- made once per channel. */
void message_prefix(struct bytes *out, struct span channel);

/* An update is written to `at`, which has message_update_max() bytes of room;
 * its whole length, and where in it the payload begins. */
size_t message_update_max(struct span prefix, struct span payload);
size_t message_update(char *at, struct span prefix, uint64_t seq,
                      struct span payload, int64_t time_ms, bool local,
                      size_t *data_at);

/* Appends such a frame with another seq.  What is none is appended as it is. */
void message_update_renumber(struct bytes *out, struct span frame,
                             struct span prefix, uint64_t seq);
/* The seq of such a frame; 0: it has none. */
uint64_t message_update_seq(struct span frame, struct span prefix);

void message_welcome(struct bytes *out, const char *instance, int64_t ping_ms,
                     int64_t max_subscriptions, const char *upstream);
void message_snapshot(struct bytes *out, struct span channel, uint64_t seq,
                      struct span payload, int64_t time_ms, bool local);
void message_heartbeat(struct bytes *out, int64_t time_ms,
                       const char *upstream);
void message_gap(struct bytes *out, struct span channel, struct span from,
                 const char *reason);
void message_bye(struct bytes *out, const char *reason, int64_t from_ms,
                 int64_t to_ms);
/* id is JSON text, or empty. */
void message_error(struct bytes *out, struct span id, const char *code,
                   const char *text, bool temporary);
void message_pong(struct bytes *out, struct span id, int64_t time_ms);

/* {"type":"subscribed","id":7,"results":[ ... ]} piece by piece.  What is
 * refused may take up MESSAGE_REFUSED_BYTES of it; the rest is counted in a
 * member `omitted`. */
enum { MESSAGE_REFUSED_BYTES = 131072 };

struct message_frame {
    struct json_writer json;
    size_t begun;   /* where in its bytes */
    size_t refused; /* bytes of refused results */
    uint32_t omitted;
};
struct message_frame message_results_begin(struct bytes *out, const char *type,
                                           struct span id);
/* `as` is what messages will call the channel: told where it differs.  epoch
 * NULL: no seq is told (patterns, unsubscribe). */
void message_result_ok(struct message_frame *f, struct span channel,
                       struct span as, const char *epoch, uint64_t seq);
/* "refused" is marked as temporary. */
void message_result_bad(struct message_frame *f, struct span channel,
                        const char *code, const char *text);
/* In-band: an error of one subscription, temporary. */
void message_trouble(struct bytes *out, struct span channel, const char *code,
                     const char *text);
/* For `list`: with how it is subscribed. */
void message_result_mode(struct message_frame *f, struct span channel, bool all,
                         int64_t interval_ms);
void message_results_end(struct message_frame *f);

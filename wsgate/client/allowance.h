/*
 * allowance.h -- how much one client may ask for.
 *
 * A token bucket, counted in bytes: a message costs ALLOWANCE_MESSAGE_BYTES, or
 * its own bytes where they are more, and ALLOWANCE_NAME_BYTES for each channel
 * that it names.  What is no message costs its bytes, too: pongs and parts of
 * messages are not free.  A message is admitted while enough is left for a
 * short one, and may leave a debt.
 *
 * Bad requests are a rate: of ALLOWANCE_BAD_MAX at once, one is forgiven every
 * ALLOWANCE_BAD_MS.
 *
 * Pure: time comes in.
 *
 * Units       now_ms milliseconds of a clock that never goes back, modulo 2^32;
 *             rate and burst are messages
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ALLOWANCE_MESSAGE_BYTES = 8192,
    ALLOWANCE_NAME_BYTES = ALLOWANCE_MESSAGE_BYTES / 1024,
    ALLOWANCE_BURST_MAX = 1000000,
    ALLOWANCE_BAD_MAX = 10,
    ALLOWANCE_BAD_MS = 10000,
};

struct allowance_rule {
    double rate;   /* a second */
    int64_t burst; /* 1 to ALLOWANCE_BURST_MAX */
    int64_t max_message_bytes;
};

struct allowance {
    int64_t left; /* thousandths of a byte; below zero: a debt */
    uint32_t at_ms;
    uint32_t bad_ms; /* when the oldest bad request was counted */
    uint8_t bad;
};

void allowance_open(struct allowance *a, const struct allowance_rule *rule,
                    uint32_t now_ms);
/* Time went by. */
void allowance_refill(struct allowance *a, const struct allowance_rule *rule,
                      uint32_t now_ms);
/* So many bytes were read that are no message; below zero: they are the
 * beginning of one that was counted since.  False: the debt has become that of a
 * whole burst and a message. */
bool allowance_other(struct allowance *a, const struct allowance_rule *rule,
                     int64_t bytes);
/* What a frame with a payload of so many bytes counts as. */
int64_t allowance_frame_bytes(size_t payload);
/* A message of so many bytes.  False: it is one too many. */
bool allowance_message(struct allowance *a, size_t bytes);
/* It names so many channels. */
void allowance_names(struct allowance *a, size_t names);
/* A bad request.  False: it is one too many. */
bool allowance_bad(struct allowance *a, uint32_t now_ms);

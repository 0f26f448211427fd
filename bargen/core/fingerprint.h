/*
 * fingerprint.h -- 64 bits that stand for a text that other processes wrote.
 *
 * Stored in Redis and compared by later runs, therefore unseeded: anybody can
 * make two texts with one fingerprint, of things that are theirs anyway.  A
 * table of fingerprints takes its slots from the seeded hash
 * (common/base/hash.h).
 */
#pragma once

#include "common/base/span.h"

uint64_t fingerprint_make(struct span text); /* never 0 */

/* The text of before, for who asks for the same again and again. */
enum { FINGERPRINT_KEPT_MAX = 64 };
struct fingerprint_kept {
    char text[FINGERPRINT_KEPT_MAX];
    size_t len; /* 0: none yet */
    uint64_t value;
};

uint64_t fingerprint_keep(struct fingerprint_kept *kept, struct span text);

static inline uint64_t fingerprint_again(struct fingerprint_kept *kept,
                                         struct span text)
{
    uint64_t differ = 0, a, b;
    size_t at = 0;

    if (text.len != kept->len || text.len < sizeof a)
        return fingerprint_keep(kept, text);
    for (;;) {
        memcpy(&a, text.ptr + at, sizeof a);
        memcpy(&b, kept->text + at, sizeof b);
        differ |= a ^ b;
        if (at + sizeof a == text.len)
            break;
        /* The last ones overlap. */
        at = at + 2 * sizeof a > text.len ? text.len - sizeof a : at + sizeof a;
    }
    return differ ? fingerprint_keep(kept, text) : kept->value;
}

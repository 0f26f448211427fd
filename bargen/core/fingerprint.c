#include "bargen/core/fingerprint.h"

/* FNV-1a, then mixed. */
uint64_t fingerprint_make(struct span text)
{
    uint64_t h = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < text.len; i++)
        h = (h ^ (unsigned char)text.ptr[i]) * UINT64_C(1099511628211);
    h ^= h >> 29;
    h *= UINT64_C(0xBF58476D1CE4E5B9);
    h ^= h >> 32;
    return h ? h : 1;
}

uint64_t fingerprint_keep(struct fingerprint_kept *kept, struct span text)
{
    uint64_t value = fingerprint_make(text);

    if (text.len == 0 || text.len > FINGERPRINT_KEPT_MAX)
        return value;
    memcpy(kept->text, text.ptr, text.len);
    kept->len = text.len;
    kept->value = value;
    return value;
}

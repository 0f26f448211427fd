#include "common/base/line.h"

#include <assert.h>
#include <stdlib.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "common/base/bytes.h"

enum { BUF_MIN = 65536 };

void line_init(struct line_reader *r, size_t buf_size, size_t max_len)
{
    /* One byte for a carriage return and one that proves a line too long. */
    size_t need = max_len + 2;
    size_t cap = buf_size > BUF_MIN ? buf_size : BUF_MIN;

    *r = (struct line_reader){0};
    r->cap = cap > need ? cap : need;
    r->max_len = max_len;
    /* Zeroed: scanners read the padding, though they ignore what it holds. */
    r->buf = mem_zero(r->cap + LINE_PAD);
}

void line_close(struct line_reader *r)
{
    free(r->buf);
    *r = (struct line_reader){0};
}

char *line_space(struct line_reader *r, size_t *room)
{
    /*
     * Always back to the front: what is left over is part of one line, so the
     * move is short, and the buffer's first pages stay in the cache.
     */
    if (r->start > 0) {
        r->end -= r->start;
        if (r->end > 0)
            memmove(r->buf, r->buf + r->start, r->end);
        r->start = 0;
    }
    *room = r->cap - r->end;
    return r->buf + r->end;
}

void line_filled(struct line_reader *r, size_t n)
{
    assert(n <= r->cap - r->end);
    r->end += n;
}

static struct span without_cr(const char *ptr, size_t len)
{
    if (ptr && len > 0 && ptr[len - 1] == '\r')
        len--;
    return span_make(ptr, len);
}

/* No line feed in what is there: is it already sure to be too long? */
static enum line_result unfinished(struct line_reader *r)
{
    size_t len = r->end - r->start;

    if (r->skipping) {
        r->start = r->end;
        r->scanned = 0;
        return LINE_MORE;
    }
    r->scanned = len;
    if (without_cr(r->buf + r->start, len).len <= r->max_len)
        return LINE_MORE;
    r->skipping = true;
    r->start = r->end;
    r->scanned = 0;
    r->number++;
    return LINE_TOO_LONG;
}

#ifdef __SSE2__
/* A bit for each line feed in 16 bytes. */
static inline uint64_t lf_bits(const char *p)
{
    __m128i block = _mm_loadu_si128((const void *)p);
    __m128i same = _mm_cmpeq_epi8(block, _mm_set1_epi8('\n'));

    return (unsigned)_mm_movemask_epi8(same);
}
#endif

/*
 * The first line feed of len bytes, or NULL.  LINE_PAD bytes behind them may be
 * read.
 *
 * memchr() leaves by another branch for each 32 bytes of length; lines that
 * are about as long as the one before make it mispredict half of the time.
 * Here 64 bytes end in one branch.
 */
static inline const char *find_lf(const char *at, size_t len)
{
#ifdef __SSE2__
    for (size_t done = 0; done < len; done += 64) {
        const char *p = at + done;
        uint64_t hits = lf_bits(p) | lf_bits(p + 16) << 16 |
                        lf_bits(p + 32) << 32 | lf_bits(p + 48) << 48;
        size_t i;

        if (hits == 0)
            continue;
        i = done + (size_t)__builtin_ctzll(hits);
        return i < len ? at + i : NULL;
    }
    return NULL;
#else
    return len > 0 ? memchr(at, '\n', len) : NULL;
#endif
}

enum line_result line_next(struct line_reader *r, struct span *line)
{
    for (;;) {
        const char *from = r->buf + r->start;
        size_t len = r->end - r->start;
        const char *lf = NULL;
        struct span found;

        if (len > r->scanned)
            lf = find_lf(from + r->scanned, len - r->scanned);
        if (!lf)
            return unfinished(r);
        found = without_cr(from, (size_t)(lf - from));
        r->start += (size_t)(lf - from) + 1;
        r->scanned = 0;
        if (r->skipping) {
            r->skipping = false;
            continue;
        }
        r->number++;
        if (found.len > r->max_len)
            return LINE_TOO_LONG;
        *line = found;
        return LINE_OK;
    }
}

bool line_rest(struct line_reader *r, struct span *line)
{
    size_t len = r->end - r->start;

    if (r->skipping || len == 0)
        return false;
    *line = without_cr(r->buf + r->start, len);
    r->start = r->end;
    r->scanned = 0;
    r->number++;
    return true;
}

/*
 * redis_reply.c -- two ways to the same replies.
 *
 * hiredis's redisReader is the codec: it reads anything, in any pieces.  Flat
 * replies that lie whole in the bytes just read (a Pub/Sub message, +OK, :1)
 * are the ones that come a million times a second: they are read in place,
 * without a copy.  What that fast way does not know, or finds odd, it leaves to
 * the reader, which has the last word on what is an error.
 */
#include "common/redis/redis_reply.h"

/* After our header: hiredis has macros that bear names of our enum. */
#include <hiredis/hiredis.h>
#include <hiredis/read.h>

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/bytes.h"
#include "common/redis/redis_arena.h"

enum {
    /* The reader moves what is left of its buffer each time 1 KiB was
     * consumed, so a large chunk costs a square; a growing one serves both
     * short replies and bulks of many MB. */
    CHUNK_MIN = 512,
    CHUNK_MAX = 16 * 1024,
    READER_KEEP = 1024 * 1024, /* larger buffers are given back */
    ARRAY_MAX = 1024 * 1024,   /* elements; contiguous, so bounded */
    DEPTH_MAX = 8,             /* arrays in arrays; hiredis 1.x has no limit */
    FAST_ITEMS = 4,            /* pmessage has four */
    STATUS_MAX = 64,
};

/* Redis's own limit for one string (proto-max-bulk-len). */
static const size_t reply_max_bytes = (size_t)512 * 1024 * 1024;

struct redis_parser {
    redisReader *reader;
    bool busy;    /* the reader holds the beginning of a reply */
    size_t held;  /* bytes it was fed for this reply */
    size_t chunk; /* to feed next */
    struct redis_arena arena;
    struct redis_reply root;
    struct redis_reply fast[FAST_ITEMS];
    const char *too_much; /* which bound an object function met */
    char why[160];
};

/* --- object functions: where the reader's objects go --- */

static struct redis_reply *slot(const redisReadTask *task)
{
    struct redis_parser *p = task->privdata;
    struct redis_reply *array;

    if (!task->parent)
        return &p->root;
    array = task->parent->obj;
    return &array->item[task->idx];
}

static void *refuse(const redisReadTask *task, const char *why)
{
    struct redis_parser *p = task->privdata;

    p->too_much = why;
    return NULL;
}

static void *create_string(const redisReadTask *task, char *text, size_t len)
{
    struct redis_parser *p = task->privdata;
    struct redis_reply *r = slot(task);
    char *copy = redis_arena_take(&p->arena, len + 1);

    if (!copy)
        return refuse(task, "reply is too large");
    memcpy(copy, text, len);
    copy[len] = '\0';
    *r = (struct redis_reply){.str = span_make(copy, len)};
    r->type = task->type == REDIS_REPLY_ERROR    ? REDIS_ERROR_REPLY
              : task->type == REDIS_REPLY_STATUS ? REDIS_STATUS
                                                 : REDIS_STRING;
    return r;
}

#if HIREDIS_MAJOR >= 1
static void *create_array(const redisReadTask *task, size_t count)
#else
static void *create_array(const redisReadTask *task, int count)
#endif
{
    struct redis_parser *p = task->privdata;
    struct redis_reply *r = slot(task);
    size_t n = (size_t)count;
    struct redis_reply *item = NULL;
    unsigned depth = 1;

    for (const redisReadTask *t = task->parent; t; t = t->parent)
        depth++;
    if (depth > DEPTH_MAX)
        return refuse(task, "arrays are nested too deeply");
    if (n > ARRAY_MAX)
        return refuse(task, "array is too long");
    if (n > 0) {
        item = redis_arena_take(&p->arena, n * sizeof *item);
        if (!item)
            return refuse(task, "reply is too large");
    }
    *r = (struct redis_reply){.type = REDIS_ARRAY, .item = item, .count = n};
    return r;
}

static void *create_integer(const redisReadTask *task, long long value)
{
    struct redis_reply *r = slot(task);

    *r = (struct redis_reply){.type = REDIS_INTEGER, .integer = value};
    return r;
}

static void *create_nil(const redisReadTask *task)
{
    struct redis_reply *r = slot(task);

    *r = (struct redis_reply){.type = REDIS_NIL_REPLY};
    return r;
}

static void free_object(void *object)
{
    (void)object; /* the arena's */
}

#if HIREDIS_MAJOR >= 1
/* RESP3 only, which nobody asked for: refused. */
static void *create_double(const redisReadTask *task, double d, char *t,
                           size_t n)
{
    (void)d;
    (void)t;
    (void)n;
    return refuse(task, "RESP3 was not asked");
}

static void *create_bool(const redisReadTask *task, int b)
{
    (void)b;
    return refuse(task, "RESP3 was not asked");
}
#endif

static redisReplyObjectFunctions functions = {
    .createString = create_string,
    .createArray = create_array,
    .createInteger = create_integer,
    .createNil = create_nil,
    .freeObject = free_object,
#if HIREDIS_MAJOR >= 1
    .createDouble = create_double,
    .createBool = create_bool,
#endif
};

/* --- the fast way --- */

/* Only the members of its type are set: clearing all of them would cost as
 * much as reading the reply. */

/* Digits and CRLF as the reader accepts them (no sign, no leading zero).
 * Returns the bytes taken, 0 for "not that simple". */
static inline size_t read_count(const char *p, const char *end, size_t *out)
{
    const char *q = p;
    size_t n = 0;

    while (q < end && (unsigned char)(*q - '0') <= 9 && q - p < 18)
        n = n * 10 + (size_t)(*q++ - '0');
    if (end - q < 2 || q == p || q[0] != '\r' || q[1] != '\n' ||
        (p[0] == '0' && q - p > 1))
        return 0;
    *out = n;
    return (size_t)(q - p) + 2;
}

static inline size_t fast_bulk(const char *p, const char *end,
                               struct redis_reply *r)
{
    size_t len;
    size_t head = read_count(p + 1, end, &len);
    const char *text = p + 1 + head;

    if (head == 0 || (size_t)(end - text) < len + 2 || text[len] != '\r' ||
        text[len + 1] != '\n')
        return 0;
    r->type = REDIS_STRING;
    r->str = span_make(text, len);
    return 1 + head + len + 2;
}

static inline size_t fast_integer(const char *p, const char *end,
                                  struct redis_reply *r)
{
    size_t n;
    size_t head = read_count(p + 1, end, &n);

    if (head == 0)
        return 0;
    r->type = REDIS_INTEGER;
    r->integer = (int64_t)n;
    return 1 + head;
}

static size_t fast_status(const char *p, const char *end, struct redis_reply *r)
{
    size_t room = (size_t)(end - p);
    const char *cr = memchr(p, '\r', room < STATUS_MAX ? room : STATUS_MAX);

    /* A line feed on its own is fine with hiredis 0.14 and not with 1.x. */
    if (!cr || end - cr < 2 || cr[1] != '\n' ||
        memchr(p, '\n', (size_t)(cr - p)))
        return 0;
    r->type = REDIS_STATUS;
    r->str = span_make(p + 1, (size_t)(cr - p) - 1);
    return (size_t)(cr - p) + 2;
}

static size_t fast_array(struct redis_parser *p, const char *data,
                         const char *end)
{
    const char *q = data;
    size_t n;
    size_t head = read_count(q + 1, end, &n);

    if (head == 0 || n == 0 || n > FAST_ITEMS)
        return 0;
    q += 1 + head;
    for (size_t i = 0; i < n; i++) {
        size_t took = q == end    ? 0
                      : *q == '$' ? fast_bulk(q, end, &p->fast[i])
                      : *q == ':' ? fast_integer(q, end, &p->fast[i])
                                  : 0;
        if (took == 0)
            return 0;
        q += took;
    }
    p->root.type = REDIS_ARRAY;
    p->root.item = p->fast;
    p->root.count = n;
    return (size_t)(q - data);
}

static size_t fast_reply(struct redis_parser *p, const char *data, size_t len)
{
    const char *end = data + len;

    switch (data[0]) {
    case ':':
        return fast_integer(data, end, &p->root);
    case '+':
        return fast_status(data, end, &p->root);
    case '$':
        return fast_bulk(data, end, &p->root);
    case '*':
        return fast_array(p, data, end);
    default:
        return 0;
    }
}

/* --- the reader's way --- */

static void renew_reader(struct redis_parser *p)
{
    if (p->reader)
        redisReaderFree(p->reader);
    p->reader = redisReaderCreateWithFunctions(&functions);
    if (!p->reader)
        mem_alloc(SIZE_MAX); /* says so and ends */
    assert(p->reader);
    p->reader->privdata = p;
    p->reader->maxbuf = 0; /* keep the buffer; READER_KEEP bounds it */
    p->busy = false;
    p->held = 0;
    p->chunk = CHUNK_MIN;
    p->too_much = NULL;
}

enum outcome { MORE, REPLY, BAD };

/* Feeds up to n bytes; *used says how many belong to the reply or to what is
 * still incomplete: what follows a reply is handed back to the caller. */
static enum outcome read_some(struct redis_parser *p, const char *data,
                              size_t n, size_t *used)
{
    redisReader *reader = p->reader;
    void *object = NULL;

    p->busy = true;
    p->held += n;
    *used = n;
    if (redisReaderFeed(reader, data, n) != REDIS_OK ||
        redisReaderGetReply(reader, &object) != REDIS_OK) {
        snprintf(p->why, sizeof p->why, "%s",
                 p->too_much ? p->too_much : reader->errstr);
        return BAD;
    }
    if (!object) {
        if (p->held <= reply_max_bytes + CHUNK_MAX)
            return MORE;
        snprintf(p->why, sizeof p->why, "reply is too large");
        return BAD;
    }
    if (object != &p->root) {
        snprintf(p->why, sizeof p->why, "reply of an unknown kind");
        return BAD;
    }
    *used = n - (reader->len - reader->pos);
    reader->pos = reader->len;
    return REPLY;
}

struct redis_parser *redis_parser_new(void)
{
    struct redis_parser *p = mem_zero(sizeof *p);

    p->arena.max_bytes = reply_max_bytes;
    renew_reader(p);
    return p;
}

void redis_parser_free(struct redis_parser *p)
{
    if (!p)
        return;
    redisReaderFree(p->reader);
    redis_arena_close(&p->arena);
    free(p);
}

void redis_parser_reset(struct redis_parser *p)
{
    renew_reader(p);
    redis_arena_reset(&p->arena);
}

static void reader_done(struct redis_parser *p)
{
    redis_arena_reset(&p->arena);
    p->busy = false;
    p->chunk = CHUNK_MIN;
    if (p->held > READER_KEEP)
        renew_reader(p);
    p->held = 0;
}

bool redis_parser_feed(struct redis_parser *p, const char *data, size_t len,
                       bool (*on_reply)(void *arg, const struct redis_reply *r),
                       void *arg, const char **why)
{
    while (len > 0) {
        size_t used = p->busy ? 0 : fast_reply(p, data, len);
        enum outcome got = REPLY;
        bool go_on;

        if (used == 0) {
            got = read_some(p, data, len < p->chunk ? len : p->chunk, &used);
            if (got == BAD) {
                *why = p->why;
                return false;
            }
        }
        data += used;
        len -= used;
        if (got == MORE) {
            if (p->chunk < CHUNK_MAX)
                p->chunk *= 2;
            continue;
        }
        go_on = on_reply(arg, &p->root);
        if (p->busy)
            reader_done(p);
        if (!go_on)
            return true;
    }
    return true;
}

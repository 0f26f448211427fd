/*
 * Replies from a server that sends anything: never a crash, and the same
 * replies whether they come whole (read in place) or byte by byte (read by
 * hiredis).
 */
#include <inttypes.h>
#include <stdlib.h>

#include "common/base/bytes.h"
#include "common/redis/redis_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void render(struct bytes *out, const struct redis_reply *r)
{
    bytes_printf(out, "%d:", (int)r->type);
    switch (r->type) {
    case REDIS_STRING:
    case REDIS_STATUS:
    case REDIS_ERROR_REPLY:
        bytes_printf(out, "%zu:", r->str.len);
        bytes_add_span(out, r->str);
        break;
    case REDIS_INTEGER:
        bytes_printf(out, "%" PRId64, r->integer);
        break;
    case REDIS_NIL_REPLY:
        break;
    case REDIS_ARRAY:
        bytes_printf(out, "%zu[", r->count);
        for (size_t i = 0; i < r->count; i++)
            render(out, &r->item[i]);
        break;
    }
    bytes_add_str(out, ";");
}

static bool collect(void *arg, const struct redis_reply *r)
{
    render(arg, r);
    if (r->type == REDIS_ERROR_REPLY)
        bytes_add_int(arg, redis_error_of(r->str));
    return true;
}

static void read_in_steps(const uint8_t *data, size_t size, size_t step,
                          struct bytes *out)
{
    struct redis_parser *p = redis_parser_new();
    const char *why;

    for (size_t i = 0; i < size; i += step) {
        size_t n = size - i < step ? size - i : step;
        char *piece = mem_alloc(n);
        bool ok;

        memcpy(piece, data + i, n);
        ok = redis_parser_feed(p, piece, n, collect, out, &why);
        free(piece);
        if (!ok) {
            bytes_add_str(out, "bad");
            break;
        }
    }
    redis_parser_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t steps[] = {1, 7, 64};
    struct bytes whole, parts;

    if (size == 0)
        return 0;
    bytes_init(&whole);
    bytes_init(&parts);
    read_in_steps(data, size, size, &whole);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        bytes_clear(&parts);
        read_in_steps(data, size, steps[i], &parts);
        if (!span_eq(bytes_span(&whole), bytes_span(&parts)))
            abort();
    }
    bytes_close(&whole);
    bytes_close(&parts);
    return 0;
}

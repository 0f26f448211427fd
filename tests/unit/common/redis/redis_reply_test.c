#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdlib.h>

#include "common/base/bytes.h"
#include "common/base/line.h"
#include "common/redis/redis_reply.h"

/* Replies as text, so that two ways of feeding can be compared. */
static void render(struct bytes *out, const struct redis_reply *r)
{
    switch (r->type) {
    case REDIS_STRING:
        bytes_printf(out, "\"%.*s\"", SPAN_ARG(r->str));
        break;
    case REDIS_STATUS:
        bytes_printf(out, "+%.*s", SPAN_ARG(r->str));
        break;
    case REDIS_ERROR_REPLY:
        bytes_printf(out, "-%.*s", SPAN_ARG(r->str));
        break;
    case REDIS_INTEGER:
        bytes_printf(out, "%" PRId64, r->integer);
        break;
    case REDIS_NIL_REPLY:
        bytes_add_str(out, "nil");
        break;
    case REDIS_ARRAY:
        bytes_add_str(out, "[");
        for (size_t i = 0; i < r->count; i++) {
            if (i > 0)
                bytes_add_str(out, ",");
            render(out, &r->item[i]);
        }
        bytes_add_str(out, "]");
        break;
    }
}

static bool collect(void *arg, const struct redis_reply *r)
{
    render(arg, r);
    bytes_add_str(arg, ";");
    return true;
}

/* What comes out when input is fed in pieces of `step` bytes. */
static void read_in_steps(struct span input, size_t step, struct bytes *out)
{
    struct redis_parser *p = redis_parser_new();
    const char *why;

    for (size_t i = 0; i < input.len; i += step) {
        size_t n = input.len - i < step ? input.len - i : step;
        /* A copy of its own: reading past the end is then seen. */
        char *piece = mem_alloc(n);
        bool ok;

        memcpy(piece, input.ptr + i, n);
        ok = redis_parser_feed(p, piece, n, collect, out, &why);
        free(piece);
        if (!ok) {
            bytes_add_str(out, "bad");
            break;
        }
    }
    redis_parser_free(p);
}

static void expect(const char *input, size_t len, const char *want)
{
    for (size_t step = 1; step <= len; step = step < 64 ? step + 1 : step * 2) {
        struct bytes out;

        bytes_init(&out);
        read_in_steps(span_make(input, len), step, &out);
        bytes_add(&out, "", 1);
        assert_string_equal(out.ptr, want);
        bytes_close(&out);
    }
}

#define EXPECT(INPUT, WANT) expect(INPUT, sizeof INPUT - 1, WANT)

static volatile char behind;

/* Whoever scans a string looks behind it: ASan sees where that is not ours. */
static bool look_behind(void *arg, const struct redis_reply *r)
{
    for (size_t i = 0; r->type == REDIS_STRING && i < LINE_PAD; i++)
        behind = r->str.ptr[r->str.len + i];
    *(unsigned *)arg += r->type == REDIS_STRING;
    for (size_t i = 0; r->type == REDIS_ARRAY && i < r->count; i++)
        look_behind(arg, &r->item[i]);
    return true;
}

/* Lengths around those of the blocks that replies are kept in. */
static void what_follows_each_string_can_be_read(void **state)
{
    (void)state;
    for (size_t len = 16 * 1024 - 200; len < 16 * 1024 + 2; len++) {
        struct redis_parser *p = redis_parser_new();
        struct bytes in;
        unsigned looked = 0;
        const char *why;

        bytes_init(&in);
        bytes_printf(&in, "*2\r\n$1\r\na\r\n$%zu\r\n", len);
        memset(bytes_reserve(&in, len + 2 + LINE_PAD), 'x', len + 2 + LINE_PAD);
        in.len += len;
        bytes_add(&in, "\r\n", 2);
        /* Whole it is read in place, in pieces it is put together. */
        assert_true(
            redis_parser_feed(p, in.ptr, in.len, look_behind, &looked, &why));
        assert_true(
            redis_parser_feed(p, in.ptr, 9, look_behind, &looked, &why));
        assert_true(redis_parser_feed(p, in.ptr + 9, in.len - 9, look_behind,
                                      &looked, &why));
        assert_int_equal(looked, 4);
        bytes_close(&in);
        redis_parser_free(p);
    }
}

static void every_kind_is_read_in_any_pieces(void **state)
{
    (void)state;
    EXPECT("+OK\r\n", "+OK;");
    EXPECT("-ERR no\r\n", "-ERR no;");
    EXPECT(":0\r\n:42\r\n:-7\r\n:9223372036854775807\r\n",
           "0;42;-7;9223372036854775807;");
    EXPECT("$0\r\n\r\n$5\r\nhello\r\n$-1\r\n", "\"\";\"hello\";nil;");
    EXPECT("*0\r\n*-1\r\n", "[];nil;");
    EXPECT("*2\r\n$-1\r\n:3\r\n", "[nil,3];");
    EXPECT("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n"
           "*4\r\n$8\r\npmessage\r\n$2\r\nc*\r\n$1\r\nc\r\n$2\r\nhi\r\n",
           "[\"message\",\"c\",\"hi\"];[\"pmessage\",\"c*\",\"c\",\"hi\"];");
}

static void nested_arrays_keep_their_order(void **state)
{
    (void)state;
    EXPECT("*2\r\n*2\r\n:1\r\n*1\r\n$1\r\na\r\n*3\r\n+x\r\n-e\r\n$-1\r\n+y\r\n",
           "[[1,[\"a\"]],[+x,-e,nil]];+y;");
    /* XRANGE, between replies of the fast way */
    EXPECT(":1\r\n*1\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$1\r\nd\r\n$2\r\n{}\r\n:2\r\n",
           "1;[[\"1-0\",[\"d\",\"{}\"]]];2;");
}

static void seven_levels_are_read_and_nine_are_an_error(void **state)
{
    (void)state;
    EXPECT("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
           "[[[[[[[1]]]]]]];");
    EXPECT("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
           "bad");
}

static void nonsense_is_an_error(void **state)
{
    (void)state;
    EXPECT("HTTP/1.1 400 Bad Request\r\n", "bad");
    EXPECT("+OK\r\n?\r\n", "+OK;bad");
    EXPECT("*2147483648\r\n", "bad");
    EXPECT("*2000000\r\n", "bad");
    EXPECT("*-2\r\n", "bad");
    EXPECT("$-2\r\n", "bad");
    EXPECT(":12x\r\n", "bad");
    EXPECT(":01\r\n", "bad");
    EXPECT("*1\r\n$01\r\nx\r\n", "bad");
}

static void a_bulk_may_hold_anything(void **state)
{
    (void)state;
    EXPECT("$6\r\n\r\n$1\r\n\r\n$3\r\n*1\r\r\n", "\"\r\n$1\r\n\";\"*1\r\";");
}

struct seen {
    size_t replies;
    size_t bytes;
    bool right;
};

static bool see_large(void *arg, const struct redis_reply *r)
{
    struct seen *seen = arg;

    seen->replies++;
    seen->bytes += r->str.len;
    for (size_t i = 0; i < r->str.len; i += 4099)
        seen->right = seen->right && r->str.ptr[i] == (char)('a' + i % 23);
    return true;
}

static void feed_large(struct redis_parser *p, const struct bytes *in,
                       size_t step, struct seen *seen)
{
    const char *why;

    for (size_t i = 0; i < in->len; i += step)
        assert_true(redis_parser_feed(p, in->ptr + i,
                                      in->len - i < step ? in->len - i : step,
                                      see_large, seen, &why));
}

static void a_bulk_of_20_mb_arrives_whole(void **state)
{
    const size_t size = 20 * 1024 * 1024;
    struct redis_parser *p = redis_parser_new();
    struct seen seen = {.right = true};
    struct bytes in;
    char *body;

    (void)state;
    bytes_init(&in);
    bytes_printf(&in, "$%zu\r\n", size);
    body = bytes_reserve(&in, size);
    for (size_t i = 0; i < size; i++)
        body[i] = (char)('a' + i % 23);
    in.len += size;
    bytes_add_str(&in, "\r\n$3\r\nabc\r\n");
    feed_large(p, &in, 65536, &seen);
    assert_int_equal(seen.replies, 2);
    assert_int_equal(seen.bytes, size + 3);
    assert_true(seen.right);
    bytes_close(&in);
    redis_parser_free(p);
}

static bool count_items(void *arg, const struct redis_reply *r)
{
    struct seen *seen = arg;

    seen->replies++;
    for (size_t i = 0; i < r->count; i++)
        seen->right = seen->right && r->item[i].item[0].integer == (int64_t)i;
    seen->bytes = r->count;
    return true;
}

static void an_array_of_100000_pairs_is_contiguous(void **state)
{
    struct redis_parser *p = redis_parser_new();
    struct seen seen = {.right = true};
    struct bytes in;
    const char *why;

    (void)state;
    bytes_init(&in);
    bytes_add_str(&in, "*100000\r\n");
    for (int i = 0; i < 100000; i++)
        bytes_printf(&in, "*2\r\n:%d\r\n$3\r\nabc\r\n", i);
    for (size_t i = 0; i < in.len; i += 65536)
        assert_true(redis_parser_feed(p, in.ptr + i,
                                      in.len - i < 65536 ? in.len - i : 65536,
                                      count_items, &seen, &why));
    assert_int_equal(seen.replies, 1);
    assert_int_equal(seen.bytes, 100000);
    assert_true(seen.right);
    bytes_close(&in);
    redis_parser_free(p);
}

static bool stop_at_second(void *arg, const struct redis_reply *r)
{
    (void)r;
    return ++*(int *)arg < 2;
}

static void a_callback_can_stop_the_rest(void **state)
{
    struct redis_parser *p = redis_parser_new();
    const char *why;
    int seen = 0;

    (void)state;
    assert_true(redis_parser_feed(p, ":1\r\n-E\r\n:3\r\n", 12, stop_at_second,
                                  &seen, &why));
    assert_int_equal(seen, 2);
    redis_parser_free(p);
}

static void a_reset_forgets_half_a_reply(void **state)
{
    struct redis_parser *p = redis_parser_new();
    struct bytes out;
    const char *why;

    (void)state;
    bytes_init(&out);
    assert_true(
        redis_parser_feed(p, "*2\r\n$5\r\nhel", 11, collect, &out, &why));
    redis_parser_reset(p);
    assert_true(redis_parser_feed(p, "+OK\r\n", 5, collect, &out, &why));
    assert_true(span_is(bytes_span(&out), "+OK;"));
    bytes_close(&out);
    redis_parser_free(p);
}

static enum redis_error class_of(const char *text)
{
    return redis_error_of(span_str(text));
}

static void errors_are_told_by_their_first_word(void **state)
{
    (void)state;
    assert_int_equal(class_of("LOADING Redis is loading the dataset in memory"),
                     REDIS_ERR_RETRY);
    assert_int_equal(class_of("BUSY Redis is busy running a script"),
                     REDIS_ERR_RETRY);
    assert_int_equal(class_of("READONLY You can't write against a read only"),
                     REDIS_ERR_RESOLVE);
    assert_int_equal(class_of("MASTERDOWN Link with MASTER is down"),
                     REDIS_ERR_RESOLVE);
    assert_int_equal(class_of("NOSCRIPT No matching script."),
                     REDIS_ERR_NOSCRIPT);
    assert_int_equal(class_of("ERR Function not found"), REDIS_ERR_NOSCRIPT);
    assert_int_equal(class_of("OOM command not allowed"), REDIS_ERR_REPORT);
    assert_int_equal(class_of("MISCONF Redis is configured to save"),
                     REDIS_ERR_REPORT);
    assert_int_equal(class_of("NOAUTH Authentication required."),
                     REDIS_ERR_REFUSED);
    assert_int_equal(class_of("WRONGPASS invalid username-password pair"),
                     REDIS_ERR_REFUSED);
    assert_int_equal(class_of("NOPERM this user has no permissions"),
                     REDIS_ERR_REFUSED);
    assert_int_equal(class_of("MOVED 3999 127.0.0.1:6381"), REDIS_ERR_CLUSTER);
    assert_int_equal(class_of("ERR unknown command"), REDIS_ERR_OTHER);
    assert_int_equal(class_of("BUSYGROUP Consumer Group name already exists"),
                     REDIS_ERR_OTHER);
    assert_int_equal(class_of(""), REDIS_ERR_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_follows_each_string_can_be_read),
        cmocka_unit_test(every_kind_is_read_in_any_pieces),
        cmocka_unit_test(nested_arrays_keep_their_order),
        cmocka_unit_test(seven_levels_are_read_and_nine_are_an_error),
        cmocka_unit_test(nonsense_is_an_error),
        cmocka_unit_test(a_bulk_may_hold_anything),
        cmocka_unit_test(a_bulk_of_20_mb_arrives_whole),
        cmocka_unit_test(an_array_of_100000_pairs_is_contiguous),
        cmocka_unit_test(a_callback_can_stop_the_rest),
        cmocka_unit_test(a_reset_forgets_half_a_reply),
        cmocka_unit_test(errors_are_told_by_their_first_word),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

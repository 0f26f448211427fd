#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <string.h>

#include "tickpub/publish/batch.h"
#include "tickpub/publish/queue.h"

static void assert_payload(const struct batch *b, uint32_t i, const char *want)
{
    struct span got = batch_payload(b, &b->records[i]);

    if (!span_is(got, want))
        fail_msg("'%.*s' is not '%s'", SPAN_ARG(got), want);
    assert_int_equal(got.ptr[got.len], '\n');
}

static void src_and_seq_stand_before_the_closing_brace(void **state)
{
    struct batch *b = batch_new();
    struct span src = span_str("0123456789abcdef");

    (void)state;
    batch_add(b, span_str("{\"a\": [1, 2 ] }"), src, 1);
    batch_add(b, span_str("{\"b\":{}}"), src, UINT64_MAX);
    assert_payload(b, 0,
                   "{\"a\": [1, 2 ] ,\"src\":\"0123456789abcdef\",\"seq\":1}");
    assert_payload(b, 1,
                   "{\"b\":{},\"src\":\"0123456789abcdef\","
                   "\"seq\":18446744073709551615}");
    batch_free(b);
}

static void an_object_without_members_gets_no_leading_comma(void **state)
{
    struct batch *b = batch_new();

    (void)state;
    batch_add(b, span_str("{}"), span_str("f"), 7);
    batch_add(b, span_str("{ }"), span_str("f"), 8);
    assert_payload(b, 0, "{\"src\":\"f\",\"seq\":7}");
    assert_payload(b, 1, "{ \"src\":\"f\",\"seq\":8}");
    batch_free(b);
}

static void an_object_without_a_number_passes_byte_for_byte(void **state)
{
    struct batch *b = batch_new();

    (void)state;
    batch_add(b, span_str("{ \"x\" : 1.50 }"), span_str("f"), 0);
    assert_payload(b, 0, "{ \"x\" : 1.50 }");
    batch_free(b);
}

static void many_records_keep_their_payloads(void **state)
{
    struct batch *b = batch_new();
    char text[64];

    (void)state;
    for (int i = 0; i < 10000; i++) {
        snprintf(text, sizeof text, "{\"i\":%d}", i);
        batch_add(b, span_str(text), span_str(""), 0);
    }
    assert_int_equal(b->count, 10000);
    for (uint32_t i = 0; i < 10000; i++) {
        snprintf(text, sizeof text, "{\"i\":%u}", i);
        assert_payload(b, i, text);
    }
    batch_clear(b);
    assert_int_equal(batch_bytes(b), 0);
    batch_free(b);
}

static void add_event(struct queue *q, const char *text)
{
    batch_add(q->open, span_str(text), span_str(""), 0);
    q->open->events++;
}

static void batches_leave_the_queue_in_order(void **state)
{
    struct queue q;
    struct batch *b;

    (void)state;
    queue_init(&q, 1000);
    assert_null(queue_shift(&q));
    queue_roll(&q); /* empty: nothing to do */
    assert_null(queue_shift(&q));
    add_event(&q, "{\"n\":1}");
    queue_roll(&q);
    add_event(&q, "{\"n\":2}");
    add_event(&q, "{\"n\":3}");
    queue_roll(&q);
    add_event(&q, "{\"n\":4}");
    assert_int_equal(queue_events(&q), 4);
    b = queue_shift(&q);
    assert_payload(b, 0, "{\"n\":1}");
    queue_give(&q, b);
    b = queue_shift(&q);
    assert_payload(b, 1, "{\"n\":3}");
    queue_give(&q, b);
    assert_null(queue_shift(&q));
    assert_int_equal(queue_events(&q), 1);
    assert_int_equal(q.bytes, 0);
    queue_close(&q);
}

static void bytes_of_the_queue_add_up(void **state)
{
    struct queue q;
    size_t before;

    (void)state;
    queue_init(&q, 1000);
    for (int i = 0; i < 50; i++) {
        add_event(&q, "{\"type\":\"tick\"}");
        if (queue_open_full(&q))
            queue_roll(&q);
    }
    assert_non_null(q.head);
    before = queue_bytes(&q);
    queue_roll(&q);
    assert_int_equal(queue_bytes(&q), before);
    for (struct batch *b; (b = queue_shift(&q)) != NULL;)
        queue_give(&q, b);
    assert_int_equal(queue_bytes(&q), 0);
    queue_close(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(src_and_seq_stand_before_the_closing_brace),
        cmocka_unit_test(an_object_without_members_gets_no_leading_comma),
        cmocka_unit_test(an_object_without_a_number_passes_byte_for_byte),
        cmocka_unit_test(many_records_keep_their_payloads),
        cmocka_unit_test(batches_leave_the_queue_in_order),
        cmocka_unit_test(bytes_of_the_queue_add_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

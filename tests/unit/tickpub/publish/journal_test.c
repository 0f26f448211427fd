#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tickpub/publish/journal.h"

static struct journal_stream stream, other;

static int forget_streams(void **state)
{
    (void)state;
    stream = other = (struct journal_stream){0};
    return 0;
}

static struct journal_entry *add_to(struct journal *j, struct journal_stream *s,
                                    const char *text)
{
    struct journal_entry *e = journal_add(j, s, NULL);

    journal_append(j, e, span_str(text));
    return e;
}

static struct journal_entry *add(struct journal *j, const char *text)
{
    return add_to(j, &stream, text);
}

static void lines_of_an_entry_are_separated_by_line_feeds(void **state)
{
    struct journal j = {0};
    struct journal_entry *e = add(&j, "{\"n\":1}");

    (void)state;
    journal_append(&j, e, span_str("{\"n\":2}"));
    assert_true(span_is(bytes_span(&e->run), "{\"n\":1}\n{\"n\":2}"));
    assert_int_equal(e->events, 2);
    assert_int_equal(j.events, 2);
    journal_close(&j);
}

static void the_oldest_unsent_entry_goes_first(void **state)
{
    struct journal j = {0};
    struct journal_entry *a = add(&j, "a"), *b = add_to(&j, &other, "b"),
                         *c = add(&j, "c");

    (void)state;
    assert_ptr_equal(journal_oldest_unsent(&j), a);
    journal_sent(&j, a);
    journal_sent(&j, b);
    assert_ptr_equal(journal_oldest_unsent(&j), c);
    /* The link is lost: all come back, in their order. */
    journal_returned(&j, a);
    journal_returned(&j, b);
    assert_ptr_equal(journal_oldest_unsent(&j), a);
    assert_ptr_equal(a->next, b);
    assert_ptr_equal(b->next, c);
    journal_close(&j);
}

static void
a_refused_entry_was_overtaken_by_the_next_of_its_stream(void **state)
{
    struct journal j = {0};
    struct journal_entry *a = add(&j, "a"), *b = add(&j, "b"),
                         *x = add_to(&j, &other, "x");

    (void)state;
    assert_ptr_equal(journal_due(&j), a);
    journal_sent(&j, a);
    /* b waits for a's answer; the other stream does not. */
    assert_ptr_equal(journal_due(&j), x);
    journal_sent(&j, x);
    assert_null(journal_due(&j));
    journal_returned(&j, a);
    assert_ptr_equal(journal_due(&j), a);
    journal_sent(&j, a);
    assert_null(journal_due(&j));
    journal_remove(&j, a);
    assert_ptr_equal(journal_due(&j), b);
    journal_sent(&j, b);
    journal_remove(&j, b);
    assert_null(journal_due(&j));
    journal_close(&j);
}

static void events_join_an_entry_that_was_never_sent(void **state)
{
    struct journal j = {.join_max_bytes = 8};
    struct journal_entry *a, *b;

    (void)state;
    stream.joins = true;
    a = journal_open(&j, &stream, NULL);
    journal_append(&j, a, span_str("1234"));
    assert_ptr_equal(journal_open(&j, &stream, NULL), a);
    journal_append(&j, a, span_str("5678"));
    b = journal_open(&j, &stream, NULL);
    assert_ptr_not_equal(b, a); /* long enough */
    journal_append(&j, b, span_str("9"));
    journal_sent(&j, a);
    journal_remove(&j, a);
    journal_sent(&j, b);
    journal_returned(&j, b);
    /* It may have been written as it is. */
    assert_ptr_not_equal(journal_open(&j, &stream, NULL), b);
    /* Other streams have one event an entry. */
    a = journal_open(&j, &other, NULL);
    assert_ptr_not_equal(journal_open(&j, &other, NULL), a);
    journal_close(&j);
}

static void acknowledged_entries_leave_wherever_they_stand(void **state)
{
    struct journal j = {0};
    struct journal_entry *a = add(&j, "a"), *b = add_to(&j, &other, "b"),
                         *c = add(&j, "c");

    (void)state;
    journal_sent(&j, b);
    journal_remove(&j, b);
    assert_ptr_equal(a->next, c);
    assert_ptr_equal(c->prev, a);
    journal_remove(&j, c); /* dropped */
    assert_ptr_equal(j.tail, a);
    assert_ptr_equal(stream.last, a);
    journal_remove(&j, a);
    assert_null(j.head);
    assert_null(j.tail);
    assert_null(stream.first);
    assert_null(stream.last);
    assert_null(journal_due(&j));
    assert_int_equal(j.bytes, 0);
    assert_int_equal(j.events, 0);
    assert_int_equal(j.unsent, 0);
    journal_close(&j);
}

static void
what_is_dropped_behind_an_entry_in_flight_leaves_no_trace(void **state)
{
    struct journal j = {0};
    struct journal_entry *a = add(&j, "a"), *c;

    (void)state;
    add(&j, "b");
    journal_sent(&j, a);
    journal_remove(&j, journal_oldest_unsent(&j));
    assert_ptr_equal(stream.last, a);
    c = add(&j, "c");
    assert_ptr_equal(a->after, c);
    journal_remove(&j, a);
    assert_ptr_equal(journal_due(&j), c);
    journal_close(&j);
}

static void a_reused_entry_is_like_a_new_one(void **state)
{
    struct journal j = {0};
    struct journal_entry *e = add(&j, "first"), *again;

    (void)state;
    journal_sent(&j, e);
    journal_remove(&j, e);
    again = add(&j, "x");
    assert_ptr_equal(again, e); /* no malloc */
    assert_false(again->tried);
    assert_false(again->in_flight);
    assert_int_equal(again->events, 1);
    assert_true(span_is(bytes_span(&again->run), "x"));
    journal_close(&j);
}

static void spares_are_bounded(void **state)
{
    struct journal j = {0};

    (void)state;
    for (int i = 0; i < 1000; i++)
        add(&j, "{}");
    while (j.head)
        journal_remove(&j, j.head);
    assert_true(j.spares <= 64);
    journal_close(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(lines_of_an_entry_are_separated_by_line_feeds,
                               forget_streams),
        cmocka_unit_test_setup(the_oldest_unsent_entry_goes_first,
                               forget_streams),
        cmocka_unit_test_setup(
            a_refused_entry_was_overtaken_by_the_next_of_its_stream,
            forget_streams),
        cmocka_unit_test_setup(events_join_an_entry_that_was_never_sent,
                               forget_streams),
        cmocka_unit_test_setup(
            what_is_dropped_behind_an_entry_in_flight_leaves_no_trace,
            forget_streams),
        cmocka_unit_test_setup(acknowledged_entries_leave_wherever_they_stand,
                               forget_streams),
        cmocka_unit_test_setup(a_reused_entry_is_like_a_new_one,
                               forget_streams),
        cmocka_unit_test_setup(spares_are_bounded, forget_streams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

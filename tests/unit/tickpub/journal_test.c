#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tickpub/journal.h"

static struct journal_entry *add(struct journal *j, const char *text)
{
    struct journal_entry *e = journal_add(j, span_str("journal:0"), NULL);

    journal_append(j, e, span_str(text));
    return e;
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
    struct journal_entry *a = add(&j, "a"), *b = add(&j, "b"),
                         *c = add(&j, "c");

    (void)state;
    assert_ptr_equal(journal_oldest_unsent(&j), a);
    journal_sent(&j, a);
    journal_sent(&j, b);
    assert_ptr_equal(journal_oldest_unsent(&j), c);
    journal_sent(&j, c);
    assert_null(journal_oldest_unsent(&j));
    /* The link is lost: all come back, in their order. */
    journal_returned(&j, a);
    journal_returned(&j, b);
    journal_returned(&j, c);
    assert_ptr_equal(journal_oldest_unsent(&j), a);
    assert_ptr_equal(a->next, b);
    assert_ptr_equal(b->next, c);
    journal_close(&j);
}

static void acknowledged_entries_leave_wherever_they_stand(void **state)
{
    struct journal j = {0};
    struct journal_entry *a = add(&j, "a"), *b = add(&j, "b"),
                         *c = add(&j, "c");

    (void)state;
    journal_sent(&j, b);
    journal_remove(&j, b);
    assert_ptr_equal(a->next, c);
    assert_ptr_equal(c->prev, a);
    journal_remove(&j, c);
    assert_ptr_equal(j.tail, a);
    journal_remove(&j, a);
    assert_null(j.head);
    assert_null(j.tail);
    assert_int_equal(j.bytes, 0);
    assert_int_equal(j.events, 0);
    assert_int_equal(j.unsent, 0);
    journal_close(&j);
}

static void a_reused_entry_is_like_a_new_one(void **state)
{
    struct journal j = {0};
    struct journal_entry *e = add(&j, "first"), *again;

    (void)state;
    e->is_shard = true;
    journal_sent(&j, e);
    journal_remove(&j, e);
    again = add(&j, "x");
    assert_ptr_equal(again, e); /* no malloc */
    assert_false(again->is_shard);
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
        cmocka_unit_test(lines_of_an_entry_are_separated_by_line_feeds),
        cmocka_unit_test(the_oldest_unsent_entry_goes_first),
        cmocka_unit_test(acknowledged_entries_leave_wherever_they_stand),
        cmocka_unit_test(a_reused_entry_is_like_a_new_one),
        cmocka_unit_test(spares_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The tables of all feeds: what must hold before a line is read with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/err.h"
#include "common/feed/feed.h"
#include "common/feed/feed_map.h"

static void each_feed_is_found_by_its_name(void **state)
{
    unsigned n = 0;

    (void)state;
    for (const struct feed *const *f = feed_map; *f; f++, n++) {
        struct feed_reader *reader = feed_reader_new((*f)->name, NULL);

        assert_non_null(reader);
        feed_reader_free(reader);
        for (const struct feed *const *other = feed_map; other < f; other++)
            assert_string_not_equal((*f)->name, (*other)->name);
    }
    assert_true(n > 0);
}

static bool makes(const struct feed_row *row, const char *native)
{
    for (const struct feed_member *m = row->member; m->how; m++)
        if (m->native && strcmp(m->native, native) == 0 && !m->optional)
            return true;
    return false;
}

/* What docs/messages.md demands of a tick or a trade. */
static bool is_whole(const struct feed_row *row)
{
    if (!makes(row, "symbol") || !makes(row, "time"))
        return false;
    if (row->type == EVENT_TICK)
        return makes(row, "bid") && makes(row, "ask");
    return makes(row, row->type == EVENT_TRADE_EXCLUDED ? "id" : "price");
}

static void check_member(const struct feed_member *m)
{
    assert_true((m->how == FEED_RECEIVED) == !m->key);
    assert_true((m->how == FEED_PRESENT) == !m->native);
    assert_true((m->how == FEED_COUNT) == (m->key2 != NULL));
    assert_int_equal(m->intro_len, strlen(m->intro));
}

static void check_row(const struct feed *f, const struct feed_row *row)
{
    unsigned n = 0;

    for (; n < FEED_MEMBERS_MAX && row->member[n].how; n++)
        check_member(&row->member[n]);
    if (n == FEED_MEMBERS_MAX || !is_whole(row))
        fail_msg("%s: the row of %s", f->name,
                 row->kind ? row->kind : "no kind");
    assert_int_equal(row->head_len, strlen(row->head));
    assert_true(!row->kind || row->kind_len == strlen(row->kind));
}

static void each_row_makes_a_whole_event(void **state)
{
    (void)state;
    for (const struct feed *const *f = feed_map; *f; f++) {
        for (const struct feed_row *row = (*f)->row; row->member[0].how;
             row++) {
            check_row(*f, row);
            if (!row->excluded)
                continue;
            check_row(*f, row->excluded);
            assert_int_equal(row->excluded->type, EVENT_TRADE_EXCLUDED);
            assert_true(row->market_key && row->market_word);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_feed_is_found_by_its_name),
        cmocka_unit_test(each_row_makes_a_whole_event),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

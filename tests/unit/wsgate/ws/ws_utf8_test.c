/* UTF-8, whole and cut: every text of up to four bytes from those that matter,
 * against a reading of the table in RFC 3629. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wsgate/ws/ws_utf8.h"

/* The bounds of every range that the table names, and one beside each. */
static const unsigned char bytes[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0,
                                      0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1,
                                      0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3,
                                      0xf4, 0xf5, 0xf7, 0xf8, 0xff};
enum { N_BYTES = sizeof bytes, LONGEST = 4 };

/* RFC 3629 4, one row a kind of character: from and to of each of its bytes. */
static const unsigned char rows[][LONGEST][2] = {
    {{0x00, 0x7f}},
    {{0xc2, 0xdf}, {0x80, 0xbf}},
    {{0xe0, 0xe0}, {0xa0, 0xbf}, {0x80, 0xbf}},
    {{0xe1, 0xec}, {0x80, 0xbf}, {0x80, 0xbf}},
    {{0xed, 0xed}, {0x80, 0x9f}, {0x80, 0xbf}},
    {{0xee, 0xef}, {0x80, 0xbf}, {0x80, 0xbf}},
    {{0xf0, 0xf0}, {0x90, 0xbf}, {0x80, 0xbf}, {0x80, 0xbf}},
    {{0xf1, 0xf3}, {0x80, 0xbf}, {0x80, 0xbf}, {0x80, 0xbf}},
    {{0xf4, 0xf4}, {0x80, 0x8f}, {0x80, 0xbf}, {0x80, 0xbf}},
};

/* How many of the bytes are whole characters; *begins: the rest is the
 * beginning of one. */
static size_t by_the_table(const unsigned char *text, size_t len, bool *begins)
{
    size_t at = 0;

    *begins = true;
    while (at < len) {
        size_t whole = 0;
        bool cut = false;

        for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
            size_t n = 1, i = 0;
            while (n < LONGEST && rows[r][n][1] != 0)
                n++;
            while (i < n && at + i < len && text[at + i] >= rows[r][i][0] &&
                   text[at + i] <= rows[r][i][1])
                i++;
            if (i == n)
                whole = n;
            else if (at + i == len)
                cut = true;
        }
        if (whole == 0) {
            *begins = cut;
            return at;
        }
        at += whole;
    }
    return at;
}

static void try_one(const unsigned char *text, size_t len)
{
    bool begins, said;
    size_t good, want = by_the_table(text, len, &begins);
    /* An exact copy, so that reading over its end is seen. */
    char *copy = malloc(len);

    memcpy(copy, text, len);
    for (size_t from = 0; from <= len; from++) {
        /* Begun with less of it, as much as was good of that. */
        bool before;
        good = by_the_table(text, from, &before);
        if (!before)
            continue; /* nobody would have gone on */
        said = ws_utf8_begins(span_make(copy, len), &good);
        assert_int_equal(said, begins);
        assert_int_equal(good, want);
    }
    assert_int_equal(ws_utf8_ok(span_make(copy, len)), want == len);
    free(copy);
}

static void texts_of_up_to_four_bytes_are_judged_by_the_table(void **state)
{
    unsigned char text[LONGEST];

    (void)state;
    for (size_t len = 1; len <= LONGEST; len++) {
        size_t count = 1;
        for (size_t i = 0; i < len; i++)
            count *= N_BYTES;
        for (size_t i = 0; i < count; i++) {
            for (size_t k = 0, rest = i; k < len; k++, rest /= N_BYTES)
                text[k] = bytes[rest % N_BYTES];
            try_one(text, len);
        }
    }
}

static void nothing_is_utf8(void **state)
{
    size_t good = 0;

    (void)state;
    assert_true(ws_utf8_ok(span_make(NULL, 0)));
    assert_true(ws_utf8_begins(span_make(NULL, 0), &good));
    assert_int_equal(good, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_of_up_to_four_bytes_are_judged_by_the_table),
        cmocka_unit_test(nothing_is_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

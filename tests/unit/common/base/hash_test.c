#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/hash.h"

enum { NAMES = 1024, BLOCK = 16, BLOCKS = 10, LEN_MAX = 40, SECRETS = 16 };

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static void seed(uint64_t n)
{
    struct hash_secret secret;

    secret.start = splitmix(&n);
    secret.factor = splitmix(&n);
    hash_secret = secret;
}

/* In memory of its own: sanitizers see it where more is read. */
static uint64_t hash_alone(const char *text, size_t len)
{
    char *copy = malloc(len > 0 ? len : 1);
    uint64_t h;

    memcpy(copy, text, len);
    h = hash_text(span_make(copy, len));
    free(copy);
    return h;
}

static void every_byte_counts_and_the_length(void **state)
{
    char text[LEN_MAX];

    (void)state;
    seed(1);
    memset(text, 'A', sizeof text);
    for (size_t len = 0; len <= LEN_MAX; len++) {
        uint64_t h = hash_alone(text, len);

        assert_true(h == hash_text(span_make(text, len)));
        for (size_t shorter = 0; shorter < len; shorter++)
            assert_true(hash_alone(text, shorter) != h);
        for (size_t i = 0; i < len; i++) {
            text[i] = 'B';
            assert_true(hash_alone(text, len) != h);
            text[i] = 'A';
        }
    }
    assert_true(hash_text((struct span){NULL, 0}) == hash_alone("", 0));
}

static void a_pair_is_more_than_its_letters(void **state)
{
    (void)state;
    assert_true(hash_pair(span_str("ab"), span_str("c")) !=
                hash_pair(span_str("a"), span_str("bc")));
    assert_true(hash_pair(span_str(""), span_str("abc")) !=
                hash_pair(span_str("abc"), span_str("")));
}

static void each_half_of_the_secret_changes_the_hash(void **state)
{
    struct hash_secret a = {1000, 2001}, b = {1001, 2001}, c = {1000, 2003};
    uint64_t of_a;

    (void)state;
    hash_secret = a;
    of_a = hash_text(span_str("market_data:AAPL"));
    hash_secret = b;
    assert_true(hash_text(span_str("market_data:AAPL")) != of_a);
    hash_secret = c;
    assert_true(hash_text(span_str("market_data:AAPL")) != of_a);
    hash_secret = a;
    assert_true(hash_text(span_str("market_data:AAPL")) == of_a);
}

/* --- names that were chosen without the secret --- */

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/*
 * Name i has, in block k, one of two texts as bit k of i says.  A difference in
 * the highest bits of a word is lost on the low half of a product, and a
 * complement often gives the product's complement, so the next word could take
 * either back, whatever the secret.
 */
struct choice {
    char zero[BLOCK], one[BLOCK];
};

static const struct choice choices[] = {
    /* The highest letters of both words. */
    {"aaaaaaakaaakaaak", "aaaaaaa+aaa+aaa+"},
    {"aaaaaaaaaaaaaaaa", "aaaaaaa!aaaaaaa!"},
    /* One bit of each. */
    {"aaaaaaaaaaaaaaaa", "aaaaaaacaaaaaaac"},
    {"aaaaaaaaaaaaaaaa", "caaaaaaacaaaaaaa"},
    /* Complements: of both words, of one. */
    {"aaaaaaaaaaaaaaaa", "\x9e\x9e\x9e\x9e\x9e\x9e\x9e\x9e"
                         "\x9e\x9e\x9e\x9e\x9e\x9e\x9e\x9e"},
    {"aaaaaaaaaaaaaaaa", "\x9e\x9e\x9e\x9e\x9e\x9e\x9e\x9e"
                         "aaaaaaaa"},
    /* Nothing but zeros, nothing but ones. */
    {"", "\xff\xff\xff\xff\xff\xff\xff\xff"
         "\xff\xff\xff\xff\xff\xff\xff\xff"},
    /* What the two words say, the other way round. */
    {"abcdefghijklmnop", "ijklmnopabcdefgh"},
};

static void name_of(const struct choice *c, unsigned i, char *name)
{
    for (unsigned k = 0; k < BLOCKS; k++)
        memcpy(name + (size_t)k * BLOCK, i >> k & 1 ? c->one : c->zero, BLOCK);
}

/* How often two of them fall into one of as many places as there are names. */
static unsigned pairs_in_one_place(const uint64_t *hash)
{
    static unsigned in[NAMES];
    unsigned pairs = 0;

    memset(in, 0, sizeof in);
    for (unsigned i = 0; i < NAMES; i++)
        pairs += in[hash[i] % NAMES]++;
    return pairs;
}

static void names_cannot_be_chosen_to_meet(void **state)
{
    static uint64_t hash[NAMES];
    char name[BLOCKS * BLOCK];

    (void)state;
    for (uint64_t n = 0; n < SECRETS; n++) {
        seed(n);
        for (unsigned c = 0; c < sizeof choices / sizeof choices[0]; c++) {
            for (unsigned i = 0; i < NAMES; i++) {
                name_of(&choices[c], i, name);
                hash[i] = hash_text(span_make(name, sizeof name));
            }
            /* 512 are to be expected; twenty deviations more or less, never. */
            assert_in_range(pairs_in_one_place(hash), 100, 950);
            qsort(hash, NAMES, sizeof *hash, by_value);
            for (unsigned i = 1; i < NAMES; i++)
                assert_true(hash[i - 1] != hash[i]);
        }
    }
}

/* Names as a list of symbols has them: neither do those crowd. */
static void names_in_a_row_do_not_crowd(void **state)
{
    static const char *const around[][2] = {
        {"", ""},         {"market_data:", ""},         {"bars:", ":15S:view"},
        {"", "........"}, {"2001:db8:85a3::8a2e:", ""}, {"A", "Z"},
    };
    static uint64_t hash[NAMES];
    char name[64];

    (void)state;
    for (uint64_t n = 0; n < SECRETS; n++) {
        seed(n);
        for (unsigned f = 0; f < sizeof around / sizeof around[0]; f++) {
            for (unsigned i = 0; i < NAMES; i++) {
                int len = snprintf(name, sizeof name, "%s%u%s", around[f][0], i,
                                   around[f][1]);

                hash[i] = hash_text(span_make(name, (size_t)len));
            }
            assert_in_range(pairs_in_one_place(hash), 100, 950);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_counts_and_the_length),
        cmocka_unit_test(a_pair_is_more_than_its_letters),
        cmocka_unit_test(each_half_of_the_secret_changes_the_hash),
        cmocka_unit_test(names_cannot_be_chosen_to_meet),
        cmocka_unit_test(names_in_a_row_do_not_crowd),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

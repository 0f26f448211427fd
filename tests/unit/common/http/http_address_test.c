#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/http/http_address.h"

/* The text of the address that is meant; of one that cannot be read, "-" and
 * of one that is withheld, "?". */
static const char *read_text(const char *text)
{
    static char out[HTTP_ADDRESS_TEXT];
    char *exact = malloc(strlen(text) + 1); /* so that ASan sees its end */
    struct in6_addr a = {.s6_addr = {0xaa}};
    enum http_address got;

    memcpy(exact, text, strlen(text));
    got = http_address_parse(span_make(exact, strlen(text)), &a);
    free(exact);
    if (got == HTTP_ADDRESS_READ) {
        http_address_text(&a, out);
        return out;
    }
    assert_int_equal(a.s6_addr[0], 0xaa); /* untouched */
    return got == HTTP_ADDRESS_WITHHELD ? "?" : "-";
}

static void every_spelling_of_an_address_is_the_same_address(void **state)
{
    static const struct {
        const char *text, *means;
    } all[] = {
        {"203.0.113.8", "203.0.113.8"},
        {"203.0.113.8:40001", "203.0.113.8"},
        {" \t203.0.113.8:1 ", "203.0.113.8"},
        {"\"203.0.113.8:65535\"", "203.0.113.8"},
        {"203.0.113.8:_p0rt.x-1", "203.0.113.8"},
        {"::ffff:203.0.113.8", "203.0.113.8"},
        {"::FFFF:CB00:7108", "203.0.113.8"},
        {"0:0:0:0:0:ffff:203.0.113.8", "203.0.113.8"},
        {"[::ffff:203.0.113.8]", "203.0.113.8"},
        {"[::ffff:203.0.113.8]:40001", "203.0.113.8"},
        {"2001:db8::1", "2001:db8::1"},
        {"2001:0DB8:0:0::1", "2001:db8::1"},
        {"2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"},
        {"[2001:db8::1]", "2001:db8::1"},
        {"[2001:DB8:0::1]:443", "2001:db8::1"},
        {"\"[2001:db8::1]:443\"", "2001:db8::1"},
        {" \"[2001:db8::1]\" ", "2001:db8::1"},
        {"fe80::1%eth0", "fe80::1"},
        {"[fe80::1%eth0.100]:443", "fe80::1"},
        {"fe80::1%2", "fe80::1"},
        /* RFC 5952, 4.2.2 and 4.2.3: one group of zeros is not shortened; of
         * two runs the first is. */
        {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"::", "::"},
        {"::1", "::1"},
        {"0.0.0.0", "0.0.0.0"},
        {"255.255.255.255:0", "255.255.255.255"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        assert_string_equal(read_text(all[i].text), all[i].means);
}

static void a_name_that_hides_a_node_is_no_address_and_no_mistake(void **state)
{
    static const char *const all[] = {"unknown",     "Unknown",  "unknown:80",
                                      "_gazonk",     "_a",       "\"_a:_b\"",
                                      "_SEVKISEK:1", " unknown "};

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        assert_string_equal(read_text(all[i]), "?");
}

static void what_is_not_an_address_is_not_read_as_one(void **state)
{
    static const char *const all[] = {
        "",
        " ",
        "\"",
        "\"\"",
        ":",
        ":80",
        "_",
        "__ x",
        "unknow",
        "unknown:x",
        "localhost",
        "example.org:80",
        "203.0.113",
        "203.0.113.8.9",
        "203.0.113.256",
        "203.0.113.008", /* octal to some */
        "0xcb007108",
        "3405803784",
        "203.0.113.8:",
        "203.0.113.8:x",
        "203.0.113.8:123456",
        "203.0.113.8:-1",
        "203.0.113.8:80:80",
        "203.0.113.8 80",
        "203.0.113.8%eth0",
        "203.0.113.8/32",
        "203.0.113.8, 203.0.113.9",
        "[203.0.113.8]:80",
        "[2001:db8::1",
        "2001:db8::1]",
        "[2001:db8::1]443",
        "[2001:db8::1]:",
        "[2001:db8::1]:x",
        "[2001:db8::1]]",
        "[]",
        "[",
        "[]:80",
        "[unknown]",
        "2001:db8:::1",
        "2001:db8::1::",
        "2001:db8:0:0:0:0:0:1:443",
        "12345::1",
        "fe80::1%",
        "fe80::1%eth 0",
        "%eth0",
        "\"203.0.113.8",
        "203.0.113.8\"",
        "'203.0.113.8'",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc",
    };
    struct in6_addr a;

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(read_text(all[i]), "-") != 0)
            fail_msg("%s was read", all[i]);
    assert_int_equal(http_address_parse(span_make("203.0.113.8\0x", 13), &a),
                     HTTP_ADDRESS_MALFORMED);
    assert_int_equal(http_address_parse(span_make(NULL, 0), &a),
                     HTTP_ADDRESS_MALFORMED);
}

static const char *bucket_of(const char *text)
{
    static char out[HTTP_ADDRESS_TEXT];
    struct in6_addr a, bucket;
    char again[HTTP_ADDRESS_TEXT];

    assert_int_equal(http_address_parse(span_str(text), &a), HTTP_ADDRESS_READ);
    http_address_bucket_text(&a, out);
    bucket = http_address_bucket(&a);
    http_address_bucket_text(&bucket, again);
    assert_string_equal(again, out); /* of its bucket, too */
    return out;
}

static void a_bucket_is_an_ip4_address_or_the_64_of_an_ip6_one(void **state)
{
    (void)state;
    assert_string_equal(bucket_of("203.0.113.8:40001"), "203.0.113.8");
    assert_string_equal(bucket_of("::ffff:203.0.113.8"), "203.0.113.8");
    assert_string_equal(bucket_of("2001:db8::1"), "2001:db8::/64");
    assert_string_equal(bucket_of("2001:db8::ffff:ffff:ffff:ffff"),
                        "2001:db8::/64");
    assert_string_equal(bucket_of("2001:db8:0:1::1"), "2001:db8:0:1::/64");
    assert_string_equal(bucket_of("2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff"),
                        "2001:db8:aaaa:bbbb::/64");
    assert_string_equal(bucket_of("::1"), "::/64");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spelling_of_an_address_is_the_same_address),
        cmocka_unit_test(a_name_that_hides_a_node_is_no_address_and_no_mistake),
        cmocka_unit_test(what_is_not_an_address_is_not_read_as_one),
        cmocka_unit_test(a_bucket_is_an_ip4_address_or_the_64_of_an_ip6_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

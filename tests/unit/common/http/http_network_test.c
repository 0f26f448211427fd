#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/http/http_network.h"

static struct http_networks set;
static struct err err;

static bool add(const char *text)
{
    err = (struct err){0};
    return http_networks_add(&set, text, &err);
}

static bool has(const char *address)
{
    struct in6_addr a;

    assert_int_equal(http_address_parse(span_str(address), &a),
                     HTTP_ADDRESS_READ);
    return http_networks_have(&set, &a);
}

static void shows(const char *want)
{
    struct bytes out = {0};

    http_networks_text(&set, &out);
    bytes_add(&out, "", 1);
    assert_string_equal(out.ptr, want);
    bytes_close(&out);
}

static int empty(void **state)
{
    (void)state;
    set.count = 0;
    return 0;
}

static void a_network_has_the_addresses_that_begin_like_it(void **state)
{
    static const struct {
        const char *network, *first, *last, *before, *after;
    } all[] = {
        {"10.0.0.0/8", "10.0.0.0", "10.255.255.255", "9.255.255.255",
         "11.0.0.0"},
        {"172.16.0.0/12", "172.16.0.0", "172.31.255.255", "172.15.255.255",
         "172.32.0.0"},
        {"192.0.2.7", "192.0.2.7", "::ffff:192.0.2.7", "192.0.2.6",
         "192.0.2.8"},
        {"192.0.2.6/31", "192.0.2.6", "192.0.2.7", "192.0.2.5", "192.0.2.8"},
        {"::ffff:10.0.0.0/104", "10.0.0.0", "10.255.255.255", "9.255.255.255",
         "11.0.0.0"},
        {"0.0.0.0/0", "0.0.0.0", "255.255.255.255", "::1", "2001:db8::1"},
        {"2001:db8::/32", "2001:db8::", "2001:db8:ffff::1",
         "2001:db7:ffff::", "2001:db9::"},
        {"fc00::/7", "fc00::", "fdff::1", "fbff::1", "fe00::"},
        {"fe80::/10", "fe80::1%eth0", "febf::1", "fe7f::1", "fec0::1"},
        {"2001:db8::1", "2001:db8::1", "2001:0DB8:0::1",
         "2001:db8::", "2001:db8::2"},
        {"::/0", "::", "2001:db8::1", "192.0.2.1", "::ffff:192.0.2.1"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        set.count = 0;
        assert_true(add(all[i].network));
        assert_true(has(all[i].first));
        assert_true(has(all[i].last));
        if (has(all[i].before) || has(all[i].after))
            fail_msg("%s is too wide", all[i].network);
    }
}

static void networks_come_in_a_list_and_one_after_another(void **state)
{
    (void)state;
    assert_true(add("10.1.2.3/8, 2001:db8::1"));
    assert_true(add("192.0.2.0/24"));
    shows("10.0.0.0/8,2001:db8::1/128,192.0.2.0/24");
    assert_true(has("10.9.9.9") && has("2001:db8::1") && has("192.0.2.200"));
    assert_false(has("192.0.3.1"));
    assert_true(add("off"));
    assert_false(has("10.9.9.9"));
    shows("false");
}

static void a_word_stands_for_loopback_and_private_networks(void **state)
{
    static const char *const private[] = {
        "127.0.0.1",    "127.255.0.1", "10.0.0.1",       "172.16.0.1",
        "172.31.255.1", "192.168.1.1", "169.254.1.1",    "::1",
        "fd12:3456::1", "fe80::1",     "::ffff:10.0.0.1"};
    static const char *const public[] = {
        "203.0.113.1", "126.255.255.255", "128.0.0.1",   "172.32.0.1",
        "192.169.0.1", "169.253.0.1",     "2001:db8::1", "::2",
        "::"};
    static const char *const words[] = {"true", "1", "YES", "on"};

    (void)state;
    for (size_t w = 0; w < 4; w++) {
        set.count = 0;
        assert_true(add(words[w]));
        for (size_t i = 0; i < sizeof private / sizeof *private; i++)
            assert_true(has(private[i]));
        for (size_t i = 0; i < sizeof public / sizeof *public; i++)
            assert_false(has(public[i]));
    }
    set.count = 0;
    assert_true(add("true, 203.0.113.1"));
    assert_true(has("203.0.113.1") && has("10.0.0.1"));
}

static void what_is_not_a_network_is_said_with_what_would_be(void **state)
{
    static const char *const all[] = {"",
                                      "/8",
                                      "10.0.0.0/",
                                      "10.0.0.0/33",
                                      "10.0.0.0/x",
                                      "10.0.0.0/-1",
                                      "10.0.0/8",
                                      "10.0.0.0/8/8",
                                      "::/129",
                                      "::/1000",
                                      "[::1]/128",
                                      "localhost",
                                      "10.0.0.1:80",
                                      "fe80::1%eth0",
                                      "10.0.0.0/8,",
                                      "::ffff:0:0/64",
                                      "10.0.0.1,off",
                                      "10.0.0.0/255.0.0.0"};

    (void)state;
    assert_true(add("192.0.2.1"));
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (add(all[i]))
            fail_msg("%s was taken", all[i]);
        assert_int_equal(err.code, ERR_USAGE);
    }
    assert_string_equal(err.text, "'10.0.0.0/255.0.0.0' is not a network (try "
                                  "10.0.0.0/8, 192.0.2.7 or 2001:db8::/32)");
    shows("192.0.2.1/32"); /* and nothing of the list before the fault */
    assert_false(add("10.0.0.0/8,x"));
    shows("192.0.2.1/32");
}

static void a_set_has_a_bound(void **state)
{
    (void)state;
    for (int i = 0; i < HTTP_NETWORKS_MAX; i++)
        assert_true(add("10.0.0.0/8"));
    assert_false(add("10.0.0.0/8"));
    assert_string_equal(err.text, "more than 64 networks");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_network_has_the_addresses_that_begin_like_it,
                               empty),
        cmocka_unit_test_setup(networks_come_in_a_list_and_one_after_another,
                               empty),
        cmocka_unit_test_setup(a_word_stands_for_loopback_and_private_networks,
                               empty),
        cmocka_unit_test_setup(what_is_not_a_network_is_said_with_what_would_be,
                               empty),
        cmocka_unit_test_setup(a_set_has_a_bound, empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

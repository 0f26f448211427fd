#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those */
#include <cmocka.h>

#include "wsgate/fanout/stream.h"

/* Once wrote through a pointer to the keys that adding one had moved. */
static void payloads_cached_before_any_message_are_kept(void **state)
{
    struct framelog log = {0};
    struct stream c;

    (void)state;
    stream_init(&c, 1, 1, NULL);
    for (int64_t bar_time = 0; bar_time < 40; bar_time++)
        stream_cache(&c, 3, bar_time, span_str("payload"));
    assert_int_equal(c.n_keys, 40);
    for (uint32_t i = 0; i < c.n_keys; i++) {
        assert_non_null(c.keys[i].copy);
        assert_true(span_is(span_make(c.keys[i].copy->data, c.keys[i].data_len),
                            "payload"));
        assert_true(span_is(stream_payload(&c.keys[i], &log), "payload"));
    }
    stream_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(payloads_cached_before_any_message_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

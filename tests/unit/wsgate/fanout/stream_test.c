#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those */
#include <cmocka.h>

#include "wsgate/fanout/stream.h"

/* Once wrote through a pointer to the slots that adding one had moved. */
static void payloads_cached_before_any_message_are_kept(void **state)
{
    struct framelog log = {0};
    struct channel c;

    (void)state;
    channel_init(&c, 1, 1, NULL);
    for (int64_t key = 0; key < 40; key++)
        channel_cache(&c, 3, key, span_str("payload"));
    assert_int_equal(c.n_slots, 40);
    for (uint32_t i = 0; i < c.n_slots; i++) {
        assert_non_null(c.slots[i].copy);
        assert_true(span_is(
            span_make(c.slots[i].copy->data, c.slots[i].data_len), "payload"));
        assert_true(span_is(channel_payload(&c.slots[i], &log), "payload"));
    }
    channel_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(payloads_cached_before_any_message_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

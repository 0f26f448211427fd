#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "bargen/core/heap.h"

enum { N = 500 };

static void what_is_due_first_comes_first(void **state)
{
    struct heap h = {0};
    struct heap_node nodes[N] = {0};
    uint32_t x = 3;
    int64_t last = INT64_MIN;

    (void)state;
    for (unsigned i = 0; i < N; i++) {
        x = x * 1664525u + 1013904223u;
        nodes[i].rank = i;
        heap_set(&h, &nodes[i], x >> 20);
    }
    /* Half of them move, some leave. */
    for (unsigned i = 0; i < N; i += 2) {
        x = x * 1664525u + 1013904223u;
        heap_set(&h, &nodes[i], x >> 20);
    }
    for (unsigned i = 0; i < N; i += 5)
        heap_remove(&h, &nodes[i]);
    for (unsigned i = 0; i < N - N / 5; i++) {
        struct heap_node *first = heap_first(&h);

        assert_non_null(first);
        assert_true(first->due_ns >= last);
        last = first->due_ns;
        heap_remove(&h, first);
    }
    assert_null(heap_first(&h));
    heap_close(&h);
}

static void what_is_due_together_comes_in_the_order_of_rank(void **state)
{
    struct heap h = {0};
    struct heap_node nodes[N] = {0};

    (void)state;
    for (unsigned i = N; i > 0; i--) {
        nodes[i - 1].rank = i - 1;
        heap_set(&h, &nodes[i - 1], 7);
    }
    for (unsigned i = 0; i < N; i++) {
        assert_ptr_equal(heap_first(&h), &nodes[i]);
        heap_remove(&h, &nodes[i]);
    }
    heap_close(&h);
}

static void removing_what_is_not_there_does_nothing(void **state)
{
    struct heap h = {0};
    struct heap_node a = {0}, b = {.rank = 1};

    (void)state;
    heap_remove(&h, &a);
    heap_set(&h, &b, 1);
    heap_remove(&h, &a);
    assert_ptr_equal(heap_first(&h), &b);
    heap_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_due_first_comes_first),
        cmocka_unit_test(what_is_due_together_comes_in_the_order_of_rank),
        cmocka_unit_test(removing_what_is_not_there_does_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

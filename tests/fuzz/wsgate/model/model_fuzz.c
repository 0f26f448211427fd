/*
 * The model of the gateway (tests/unit/wsgate/model), with its chance taken from
 * the input: clients that stall and conflate, subscriptions that change under
 * them, links that are lost, a Redis that has older data or refuses.  Whatever
 * the order: seq ascends, nothing older follows something newer, the newest of
 * each slot reaches everybody who reads, and each frame and each message has one
 * outcome.
 */
#include <assert.h>
#include <stdlib.h>

#define assert_true(x) assert(x)
#define assert_false(x) assert(!(x))
#define assert_non_null(x) assert((x) != NULL)
#define assert_int_equal(a, b) assert((a) == (b))

#include "tests/fuzz/wsgate/client/fake_log.h"
#include "tests/unit/wsgate/model/model_step.h"

enum { STEPS_MAX = 3000, CHECK_EVERY = 400 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What waits to be read by the model has a bound, and so has what is said. */
static bool has_room(void)
{
    for (int i = 0; i < VISITORS; i++) {
        if (visitors[i].n_takes > TAKES / 2)
            return false;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool denied = false, due = false;

    model.at = data;
    model.end = data + size;
    world_open(1);
    while (model.at < model.end && model.step < STEPS_MAX && !model.failed[0]) {
        model.step++;
        denied |= step();
        due |= model.step % CHECK_EVERY == 0 || !has_room();
        if (due) {
            world_check(denied);
            denied = redis.n_denied > 0;
            due = false;
        }
    }
    if (!model.failed[0])
        world_check(denied);
    world_close();
    if (model.failed[0]) {
        fflush(stdout); /* what happened before */
        abort();
    }
    return 0;
}

#include "bargen/core/wallwatch.h"

#include "common/event/resolution.h"

#define JUMP_NS NS_PER_SECOND
#define PATIENCE_NS (60 * NS_PER_SECOND)
/* Events are this near to the time of day, where it is right. */
#define NEAR_NS (60 * NS_PER_SECOND)

static void believe(struct wallwatch *w, int64_t ahead_ns)
{
    w->ahead_ns = ahead_ns;
    w->looked = true;
    w->doubtful = false;
}

bool wallwatch_look(struct wallwatch *w, int64_t wall_ns, int64_t mono_ns,
                    int64_t (*newest_ns)(const void *arg), const void *arg)
{
    int64_t ahead_ns = wall_ns - mono_ns;
    int64_t jump_ns = ahead_ns - w->ahead_ns, near_ns;

    if (!w->looked || jump_ns <= JUMP_NS) {
        believe(w, ahead_ns);
        return true;
    }
    if (!w->doubtful) {
        w->doubtful = true;
        w->since_ns = mono_ns;
    }
    /* Those of before a short jump are near to it as well. */
    near_ns = jump_ns / 2 < NEAR_NS ? jump_ns / 2 : NEAR_NS;
    if (mono_ns - w->since_ns < PATIENCE_NS &&
        newest_ns(arg) < wall_ns - near_ns)
        return false;
    believe(w, ahead_ns);
    return true;
}

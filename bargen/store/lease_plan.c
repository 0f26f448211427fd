#include "bargen/store/lease_plan.h"

unsigned lease_plan_share(unsigned shards, unsigned members)
{
    return (shards + members - 1) / members;
}

bool lease_plan_steps(const struct lease_view *view, enum lease_step *step)
{
    unsigned n = view->shards, share = lease_plan_share(n, view->members);
    unsigned ours = 0, room, excess;
    bool any = false;

    for (unsigned i = 0; i < n; i++) {
        step[i] = LEASE_KEEP;
        ours += view->holder[i] == LEASE_OURS;
    }
    room = share > ours ? share - ours : 0;
    excess = ours > share ? ours - share : 0;
    /* Members that look at the same time begin at different places, so that
     * they do not all ask for the same shards. */
    for (unsigned k = 0; k < n && room > 0; k++) {
        unsigned i = (view->rank * share + k) % n;

        if (view->holder[i] != LEASE_FREE)
            continue;
        step[i] = LEASE_TAKE;
        room--;
        any = true;
    }
    for (unsigned i = n; i > 0 && excess > 0; i--) {
        if (view->holder[i - 1] != LEASE_OURS)
            continue;
        step[i - 1] = LEASE_GIVE;
        excess--;
        any = true;
    }
    return any;
}

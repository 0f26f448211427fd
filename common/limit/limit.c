#include "common/limit/limit.h"

static int64_t gcd(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

const char *limit_mode_name(enum limit_mode mode)
{
    static const char *const names[] = {"check", "peek", "reset"};

    return names[mode];
}

bool limit_make(int64_t limit, int64_t window_us, struct limit *out)
{
    const int64_t exact = INT64_C(1) << 53; /* what a Lua number can count to */
    int64_t g = gcd(window_us, limit);
    struct limit made = {limit, window_us, limit / g, window_us / g};

    if (made.share > exact / window_us)
        return false;
    *out = made;
    return true;
}

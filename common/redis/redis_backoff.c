#include "common/redis/redis_backoff.h"

#include <sys/random.h>

#include "common/base/clock.h"

int64_t redis_backoff_next(struct redis_backoff *b, uint64_t random)
{
    int64_t ceiling = b->base_ms;
    unsigned steps = b->n;

    if (b->steps > 0 && (int64_t)steps > b->steps)
        steps = (unsigned)b->steps;
    while (steps-- > 0 && ceiling < b->max_ms)
        ceiling *= 2;
    if (ceiling > b->max_ms)
        ceiling = b->max_ms;
    b->n++;
    return (int64_t)(random % ((uint64_t)ceiling + 1));
}

uint64_t redis_backoff_random(void)
{
    uint64_t r;

    if (getrandom(&r, sizeof r, GRND_NONBLOCK) != (ssize_t)sizeof r)
        r = clock_mono_ns(); /* before the pool is up, at boot */
    return r;
}

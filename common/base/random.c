#include "common/base/random.h"

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

struct random random_seeded(uint64_t seed)
{
    struct random r;

    for (int i = 0; i < 4; i++)
        r.state[i] = splitmix(&seed);
    return r;
}

/* The sum of twelve uniforms of 21 bits. */
double random_normal(struct random *r)
{
    uint64_t sum = 0;

    for (int i = 0; i < 4; i++) {
        uint64_t bits = random_draw(r);

        sum += (bits & 0x1FFFFF) + ((bits >> 21) & 0x1FFFFF) + (bits >> 43);
    }
    return (double)sum * 0x1p-21 - 6.0;
}

double random_exponential(struct random *r)
{
    for (int whole = 0;; whole++) {
        double first = random_uniform(r), before = first;
        bool odd = true;

        for (;;) {
            double u = random_uniform(r);

            if (u >= before)
                break;
            before = u;
            odd = !odd;
        }
        if (odd)
            return whole + first;
    }
}

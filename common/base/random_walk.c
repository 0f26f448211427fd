#include "common/base/random_walk.h"

#include <math.h>

static double between(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

struct random_walk random_walk_start(double price, double volatility)
{
    return (struct random_walk){
        .price = price, .volatility = volatility, .heat = 1};
}

void random_walk_step(struct random_walk *w, struct random *r, double seconds)
{
    double step;

    w->heat += 0.01 * (1 - w->heat) + 0.05 * sqrt(w->heat) * random_normal(r);
    w->heat = between(w->heat, 0.2, 4);
    step = w->volatility * w->heat * sqrt(seconds) * random_normal(r);
    w->price *= 1 + between(step, -0.05, 0.05);
    w->price = between(w->price, 2, 1e12);
}

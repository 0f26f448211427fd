/*
 * random_walk.h -- a price that wanders.
 *
 * A geometric random walk.  Its volatility wanders round its mean as well (a
 * square-root process), so that calm and nervous stretches alternate and the
 * tails of the returns are fat.
 *
 * Units       price in units of the caller's choice, 2 at least;
 *             volatility of one second; time in seconds
 */
#pragma once

#include "common/base/random.h"

struct random_walk {
    double price;
    double volatility;
    double heat; /* volatility now, 1 on average; 0.2 to 4 */
};

struct random_walk random_walk_start(double price, double volatility);
void random_walk_step(struct random_walk *w, struct random *r, double seconds);

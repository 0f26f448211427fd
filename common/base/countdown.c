#include "common/base/countdown.h"

#include <assert.h>

void countdown_start(struct countdown *c, void (*on_zero)(void *arg), void *arg)
{
    *c = (struct countdown){.open = 1, .on_zero = on_zero, .arg = arg};
}

void countdown_add(struct countdown *c)
{
    assert(c->open > 0);
    c->open++;
}

void countdown_done(void *countdown)
{
    struct countdown *c = countdown;

    assert(c->open > 0);
    if (--c->open == 0)
        c->on_zero(c->arg);
}

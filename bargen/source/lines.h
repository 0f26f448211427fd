/*
 * lines.h -- events from standard input.
 *
 * Bad lines are counted, reported with their number and column, and skipped;
 * --strict ends the tool at the first.  With --tee every valid event goes to
 * standard output before the bars that it completes.
 */
#ifndef BARGEN_SOURCE_LINES_H
#define BARGEN_SOURCE_LINES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/app/input.h"
#include "common/base/err.h"
#include "common/event/event.h"

struct bargen;

struct lines {
    struct input *input; /* NULL: closed, or another source */
    bool paused;
    bool wall_stale;
    int64_t wall_ns; /* when the lines at hand arrived */
    unsigned column; /* where the line at hand is wrong */
    struct event event;
};

bool lines_open(struct bargen *b, struct err *err);
void lines_close(struct bargen *b);
/* The sink has room again. */
void lines_resume(struct bargen *b);

#endif

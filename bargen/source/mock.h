/*
 * mock.h -- a source that invents trades, for work on a front end.
 *
 * A random walk per symbol, the same for the same seed.  It begins
 * MOCK_PAST_HOURS before the full hour, so that a chart has something to show,
 * and goes on with a few trades a second.  Every bar carries "source":"mock".
 */
#ifndef BARGEN_SOURCE_MOCK_H
#define BARGEN_SOURCE_MOCK_H

enum { MOCK_PAST_HOURS = 4 };

struct bargen;
struct mock;

struct mock *mock_new(struct bargen *b);
/* The sink is there: begin. */
void mock_start(struct mock *m);
void mock_close(struct mock *m);

#endif

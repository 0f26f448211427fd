/*
 * flow.h -- from the engine to the sink, and what time has to do with it.
 *
 * Final bars leave when they are issued; open ones when a bar was started or
 * issued meanwhile, else --throttle after the last time.
 */
#ifndef BARGEN_FLOW_H
#define BARGEN_FLOW_H

#include "bargen/core/series.h"

struct bargen;

/* For engine_config.sink; arg is the struct bargen. */
void flow_bar(void *arg, struct symbol *sym, const struct resolution *r,
              const struct bar *bar, enum bar_issue how);
/* Standard output hears of what was put into its buffer. */
void flow_tell_output(struct bargen *b);
/* Bars of --mock say so in each message; NULL: nothing to say. */
const char *flow_source_name(const struct bargen *b);

#endif

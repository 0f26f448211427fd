/*
 * json_line.h -- on which line of a JSON text does a value stand?
 *
 * jansson keeps no positions, and "line 7: unknown member" is worth a second
 * look at a text that is known to be valid.
 */
#pragma once

#include "common/base/span.h"

/* Line (from 1) of member `name` of the index-th object of depth `depth` (the
 * outermost is 1), or of that object's brace where name is NULL or absent. */
int json_line_of(struct span text, int depth, unsigned index, const char *name);

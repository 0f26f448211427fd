/*
 * route_print.h -- the route table for people: aligned columns, one type a line.
 */
#pragma once

#include "common/event/route.h"

void route_print(const struct route_table *t, const char *prefix,
                 struct bytes *out);

/*
 * once.h -- --check RULE KEY: one question, one answer, one exit status.
 */
#ifndef RATELIMITD_DOOR_CHECK_COMMAND_H
#define RATELIMITD_DOOR_CHECK_COMMAND_H

#include "ratelimitd/ratelimitd.h"

/* "--check RULE KEY" has two values, which the option table cannot say: the
 * second becomes --key=KEY.  argv must have room for nothing more. */
void once_join(int argc, char **argv);
bool once_options(const struct options *opts, struct err *err);
void once_ask(struct ratelimitd *r);

#endif

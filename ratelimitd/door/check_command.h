/*
 * check_command.h -- --check RULE KEY: one question, one answer, one exit status.
 */
#pragma once

#include "common/app/app.h"
#include "ratelimitd/door/limiter.h"

struct check_command {
    const char *rule; /* NULL: no --check */
    const char *key;
    int64_t cost;
    struct app *app; /* stopped once it is answered */
    bool denied;
};

/* "--check RULE KEY" has two values, which the option table cannot say: the
 * second becomes --key=KEY.  argv must have room for nothing more. */
void check_command_join(int argc, char **argv);
bool check_command_valid(const struct check_command *c, struct err *err);
/* Prints the answer; c must live until then. */
void check_command_ask(struct check_command *c, struct limiter *limiter);

#include "ratelimitd/door/check_command.h"

#include <stdio.h>

#include "common/base/bytes.h"

void check_command_join(int argc, char **argv)
{
    struct bytes key;

    for (int i = 1; i + 2 < argc; i++) {
        if (strcmp(argv[i], "--check") != 0 || argv[i + 2][0] == '-')
            continue;
        bytes_init(&key);
        bytes_printf(&key, "--key=%s", argv[i + 2]);
        bytes_add(&key, "", 1);
        argv[i + 2] = key.ptr; /* lives as long as the process, like argv */
        return;
    }
}

bool check_command_valid(const struct check_command *c, struct err *err)
{
    const char *fault;

    if (!c->rule)
        return !c->key || err_set(err, ERR_USAGE, "--key: needs --check RULE");
    if (!c->key)
        return err_set(err, ERR_USAGE,
                       "--check: needs a rule and a key (try "
                       "--check api alice)");
    fault = rule_key_fault(span_str(c->key));
    return !fault || err_set(err, ERR_USAGE, "--check: %s", fault);
}

static void on_answer(void *arg, const struct outcome *o)
{
    struct check_command *c = arg;
    struct err err = {0};
    struct bytes text;

    if (o->error) {
        err_set(&err, ERR_USAGE, "--check: %s", o->error);
        app_fail(c->app, &err);
        return;
    }
    bytes_init(&text);
    answer_json(&text, span_make(NULL, 0), false, o);
    fwrite(text.ptr, 1, text.len, stdout);
    bytes_close(&text);
    c->denied = !o->allowed;
    app_stop(c->app);
}

void check_command_ask(struct check_command *c, struct limiter *limiter)
{
    struct question q = {.rules = {span_str(c->rule)},
                         .n_rules = 1,
                         .key = span_str(c->key),
                         .cost = c->cost};

    limiter_ask(limiter, &q, on_answer, c);
}

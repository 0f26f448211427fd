#include <stdio.h>
#include <stdlib.h>

#include "common/app/app.h"
#include "common/base/clock.h"
#include "ratelimitd/options.h"
#include "ratelimitd/ratelimitd.h"

/* --check-config: the rules as understood, and nothing else. */
static void print_rules(const struct options *o, struct err *err)
{
    struct ruleset *set = ruleset_load(o->rules, clock_wall_ms(), err);
    struct bytes text;

    if (!set)
        return;
    bytes_init(&text);
    rules_print(&set->rules, &text);
    fwrite(text.ptr, 1, text.len, stdout);
    bytes_close(&text);
    ruleset_unref(set);
}

int main(int argc, char **argv)
{
    struct options opts = options_default();
    struct ratelimitd tool = {0};
    struct err err = {0};
    struct app app;
    int status;

    check_command_join(argc, argv);
    if (app_args(&ratelimitd_cli, argc, argv, &opts, &status))
        return status;
    if (app_init(&app, &ratelimitd_cli, &opts.app, ratelimitd_stop, &tool,
                 &err)) {
        if (opts.check_config)
            print_rules(&opts, &err);
        else if (ratelimitd_init(&tool, &app, &opts, &err))
            app_run(&app, &err);
    }
    status = app_exit(&app, &err);
    ratelimitd_close(&tool);
    return status == 0 && tool.check.denied ? 1 : status;
}

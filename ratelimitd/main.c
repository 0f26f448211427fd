#include "ratelimitd/ratelimitd.h"

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
                 &err) &&
        ratelimitd_init(&tool, &app, &opts, &err))
        app_run(&app, &err);
    status = app_exit(&app, &err);
    ratelimitd_close(&tool);
    return status == 0 && tool.check.denied ? 1 : status;
}

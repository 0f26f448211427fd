#include "wsgate/wsgate.h"

int main(int argc, char **argv)
{
    struct options opts = options_default();
    struct wsgate gate = {0};
    struct err err = {0};
    struct app app;
    int status;

    if (app_args(&wsgate_cli, argc, argv, &opts, &status))
        return status;
    if (app_init(&app, &wsgate_cli, &opts.app, wsgate_stop, &gate, &err) &&
        wsgate_init(&gate, &app, &opts, &err))
        app_run(&app, &err);
    status = app_exit(&app, &err);
    wsgate_close(&gate);
    return status;
}

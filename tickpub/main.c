#include "tickpub/tickpub.h"

int main(int argc, char **argv)
{
    struct options opts = options_default();
    struct tickpub tickpub = {0};
    struct err err = {0};
    struct app app;
    int status;

    if (app_args(&tickpub_cli, argc, argv, &opts, &status))
        return status;
    if (app_init(&app, &tickpub_cli, &opts.app, tickpub_stop, &tickpub, &err) &&
        tickpub_init(&tickpub, &app, &opts, &err))
        app_run(&app, &err);
    status = app_exit(&app, &err);
    tickpub_close(&tickpub);
    options_close(&opts);
    return status;
}

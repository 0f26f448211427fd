#include "bargen/bargen.h"

int main(int argc, char **argv)
{
    struct options opts = options_default();
    struct bargen bargen = {0};
    struct err err = {0};
    struct app app;
    int status;

    if (app_args(&bargen_cli, argc, argv, &opts, &status))
        return status;
    if (app_init(&app, &bargen_cli, &opts.app, bargen_stop, &bargen, &err) &&
        bargen_init(&bargen, &app, &opts, &err))
        app_run(&app, &err);
    status = app_exit(&app, &err);
    bargen_close(&bargen);
    options_close(&opts);
    return status;
}

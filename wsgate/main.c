#include "common/app/app.h"
#include "wsgate/http/api.h"
#include "wsgate/options.h"
#include "wsgate/wsgate.h"

static void on_reload(void *wsgate)
{
    api_reload(wsgate);
}

int main(int argc, char **argv)
{
    struct options opts = options_default();
    struct wsgate gate = {0};
    struct err err = {0};
    struct app app;
    int status;

    if (app_args(&wsgate_cli, argc, argv, &opts, &status))
        return status; /* --help, --version or a usage error */
    if (app_init(&app, &wsgate_cli, &opts.app, wsgate_stop, &gate, &err)) {
        app.on_reload = on_reload;
        if (wsgate_open(&gate, &app, &opts, &err))
            app_run(&app, &err);
    }
    status = app_exit(&app, &err);
    wsgate_free(&gate);
    return status;
}

#include <stdio.h>

#include "common/app/app.h"
#include "common/base/bytes.h"
#include "common/event/route_print.h"
#include "tickpub/options.h"
#include "tickpub/tickpub.h"

/* --routes: a table for people, and nothing else. */
static bool print_routes(const struct options *o, struct err *err)
{
    struct route_table *routes = route_table_new(o->routes_file, err);
    struct bytes text;

    if (!routes)
        return false;
    bytes_init(&text);
    route_print(routes, o->app.prefix ? o->app.prefix : "", &text);
    fwrite(text.ptr, 1, text.len, stdout);
    bytes_close(&text);
    route_table_free(routes);
    return true;
}

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
        options_check(&opts, &err)) {
        if (opts.routes)
            print_routes(&opts, &err);
        else if (tickpub_init(&tickpub, &app, &opts, &err))
            app_run(&app, &err);
    }
    status = app_exit(&app, &err);
    tickpub_close(&tickpub);
    options_close(&opts);
    return status;
}

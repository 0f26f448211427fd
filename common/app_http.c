#include "common/app.h"
#include "common/http.h"

bool app_http_open(struct app *app, struct err *err)
{
    (void)app;
    return err_set(err, ERR_SYSTEM, "--http: not in this build");
}

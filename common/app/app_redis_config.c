#include "common/app/app.h"
#include "common/redis/redis_config.h"

bool app_redis_config(const struct app *app, struct redis_config *config,
                      struct err *err)
{
    const struct redis_config_flags flags = {
        .url = app->opts->redis,
        .prefix = app->opts->prefix,
        .tool = app->tool,
        .instance = app->instance,
    };

    return redis_config_read(config, &flags, err);
}

#include "common/redis/instance.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/base/clock.h"

/* While Redis is away: soon after it is back the key is there again. */
enum { AGAIN_MS = 250 };

struct instance {
    struct instance_id id;
    struct redis_cmd *cmd;
    void (*fill)(void *arg, struct json_writer *json);
    void *arg;
    uv_timer_t timer;
    struct bytes key, json; /* kept: nothing is allocated each time */
};

static void make_json(struct instance *i)
{
    struct json_writer w = {.out = &i->json};

    bytes_clear(&i->json);
    json_write_object(&w, NULL);
    json_write_str(&w, "tool", i->id.tool);
    json_write_str(&w, "id", i->id.id);
    json_write_int(&w, "pid", getpid());
    json_write_int(&w, "start", i->id.started_ms);
    json_write_int(&w, "time", clock_wall_ms());
    json_write_str(&w, "version", TW_VERSION);
    if (i->fill)
        i->fill(i->arg, &w);
    json_write_object_end(&w);
}

static void on_due(uv_timer_t *timer)
{
    struct instance *i = timer->data;

    if (!redis_cmd_ready(i->cmd) || redis_cmd_full(i->cmd) ||
        !redis_cmd_begin(i->cmd, 5, NULL, NULL)) {
        uv_timer_start(timer, on_due, AGAIN_MS, 0);
        return;
    }
    make_json(i);
    redis_cmd_str(i->cmd, "SET");
    redis_cmd_arg(i->cmd, i->key.ptr, i->key.len);
    redis_cmd_arg(i->cmd, i->json.ptr, i->json.len);
    redis_cmd_str(i->cmd, "PX");
    redis_cmd_int(i->cmd, INSTANCE_EXPIRE_MS);
    uv_timer_start(timer, on_due, INSTANCE_EVERY_MS, 0);
}

struct instance *instance_new(uv_loop_t *loop, struct instance_id id,
                              struct redis_cmd *cmd,
                              const struct redis_config *config,
                              void (*fill)(void *arg, struct json_writer *json),
                              void *arg)
{
    struct instance *i = mem_zero(sizeof *i);

    i->id = id;
    i->cmd = cmd;
    i->fill = fill;
    i->arg = arg;
    bytes_printf(&i->key, "%sinstance:%s:%s", config->prefix, id.tool, id.id);
    i->timer.data = i;
    uv_timer_init(loop, &i->timer);
    uv_unref((uv_handle_t *)&i->timer);
    uv_timer_start(&i->timer, on_due, 0, 0);
    return i;
}

static void on_closed(uv_handle_t *handle)
{
    struct instance *i = handle->data;

    bytes_close(&i->key);
    bytes_close(&i->json);
    free(i);
}

void instance_close(struct instance *i)
{
    if (!i)
        return;
    if (redis_cmd_begin(i->cmd, 2, NULL, NULL)) {
        redis_cmd_str(i->cmd, "DEL");
        redis_cmd_arg(i->cmd, i->key.ptr, i->key.len);
        redis_cmd_flush(i->cmd);
    }
    uv_close((uv_handle_t *)&i->timer, on_closed);
}

#include "bargen/store/store.h"

#include <stdlib.h>

#include "bargen/core/stats.h"
#include "bargen/store/shard.h"
#include "bargen/store/state.h"
#include "common/base/clock.h"
#include "common/base/log.h"

enum { RETRY_MS = 1000 };

struct store {
    struct store_options options;
    struct store_events events;
    void *arg;
    struct redis_cmd *cmd;
    struct shard *shards;
    unsigned n_shards;
    unsigned unsettled; /* shards whose state in Redis is being asked for */
    bool loaded;        /* every shard was read once */
    bool finishing, closing;
    uv_timer_t retry;
    void (*on_finished)(void *arg);
    void *finished_arg;
    void (*on_closed)(void *arg);
    void *closed_arg;
    unsigned open; /* handles and links */
};

static void send_shard(struct shard *sh);
static void on_retry(uv_timer_t *timer);

bool store_ready(const struct store *s)
{
    return s->loaded && s->unsettled == 0 && redis_cmd_ready(s->cmd);
}

struct redis_cmd *store_cmd(struct store *s)
{
    return s->cmd;
}

bool store_full(const struct store *s)
{
    size_t waiting = 0;

    for (unsigned i = 0; i < s->n_shards; i++)
        waiting += s->shards[i].out.run.len + s->shards[i].flying.len;
    return waiting > STORE_MAX_BYTES;
}

/* --- checkpoints --- */

static const struct engine_shard *changes(const struct shard *sh)
{
    return &sh->store->options.engine->shards[sh->n];
}

static bool has_work(const struct shard *sh)
{
    return sh->out.commands > 0 || sh->moved || changes(sh)->n_dirty > 0;
}

static uint64_t due_ms(const struct shard *sh)
{
    const struct store *s = sh->store;
    bool urgent = changes(sh)->urgent && s->options.outbox.updates;

    if (sh->status != SHARD_IDLE || !has_work(sh))
        return UINT64_MAX;
    if (sh->out.commands > 0 || urgent || s->finishing)
        return 0;
    return sh->flushed_ms + (uint64_t)s->options.throttle_ms;
}

static void check_finished(struct store *s)
{
    if (!s->finishing || !s->on_finished)
        return;
    for (unsigned i = 0; i < s->n_shards; i++)
        if (s->shards[i].status != SHARD_IDLE || has_work(&s->shards[i]))
            return;
    s->finishing = false;
    s->on_finished(s->finished_arg);
}

static void log_refused(const struct shard *sh, struct span why)
{
    log_warn("checkpoint_refused", "shard=%u why=%s", sh->n, LOG_Q(why));
}

static void on_exec(void *arg, const struct redis_reply *r)
{
    struct shard *sh = arg;
    struct store *s = sh->store;

    if (!r || r->type != REDIS_ARRAY) {
        sh->status = SHARD_UNSURE;
        if (r && r->type == REDIS_ERROR_REPLY)
            log_refused(sh, r->str);
        /* Without a reply the link is lost: asking comes with on_ready. */
        if (r && !s->closing)
            uv_timer_start(&s->retry, on_retry, RETRY_MS, 0);
        return;
    }
    for (size_t i = 0; i < r->count; i++)
        if (r->item[i].type == REDIS_ERROR_REPLY)
            log_refused(sh, r->item[i].str);
    stats_checkpoint((clock_mono_ns() - sh->sent_ns) / 1000, sh->flying.len);
    shard_landed(sh);
    if (s->closing)
        return;
    s->events.on_acked(s->arg);
    check_finished(s);
}

/* Send, or send again, what is composed. */
static void send_shard(struct shard *sh)
{
    struct redis_cmd *cmd = sh->store->cmd;

    sh->sent_ns = clock_mono_ns();
    sh->status = SHARD_FLYING;
    if (!redis_cmd_raw(cmd, sh->flying.ptr, sh->flying.len, sh->flying_commands,
                       NULL, NULL) ||
        !redis_cmd_words(cmd, on_exec, sh, "EXEC", NULL))
        sh->status = SHARD_UNSURE;
}

static void flush_shard(struct shard *sh)
{
    struct store *s = sh->store;

    if (s->options.outbox.updates)
        engine_update(s->options.engine, sh->n);
    shard_compose(sh, s->options.engine);
    sh->flushed_ms = clock_mono_ms();
    if (sh->flying_commands > 0)
        send_shard(sh);
}

void store_flush(struct store *s)
{
    uint64_t now_ms = clock_mono_ms();

    if (!store_ready(s))
        return;
    for (unsigned i = 0; i < s->n_shards; i++)
        if (due_ms(&s->shards[i]) <= now_ms)
            flush_shard(&s->shards[i]);
}

uint64_t store_due_ms(const struct store *s)
{
    uint64_t due = UINT64_MAX;

    if (!store_ready(s))
        return due;
    for (unsigned i = 0; i < s->n_shards; i++) {
        uint64_t d = due_ms(&s->shards[i]);

        due = d < due ? d : due;
    }
    return due;
}

void store_finish(struct store *s, void (*done)(void *arg), void *arg)
{
    s->finishing = true;
    s->on_finished = done;
    s->finished_arg = arg;
    store_flush(s);
    check_finished(s);
}

/* --- reading back --- */

static void settled(struct store *s)
{
    if (--s->unsettled > 0 || s->closing)
        return;
    s->loaded = true;
    for (unsigned i = 0; i < s->n_shards; i++)
        if (s->shards[i].status == SHARD_UNSURE) {
            stats_checkpoint_retried();
            send_shard(&s->shards[i]);
        }
    s->events.on_ready(s->arg);
}

/* Redis answered, but not with a state: busy loading, or forbidden. */
static void refused(struct shard *sh, struct span why)
{
    log_warn("state_unreadable", "shard=%u why=%s", sh->n, LOG_Q(why));
    uv_timer_start(&sh->store->retry, on_retry, RETRY_MS, 0);
    sh->store->events.on_unreadable(sh->store->arg, why);
}

static void on_state(void *arg, const struct redis_reply *r)
{
    struct shard *sh = arg;
    struct store *s = sh->store;

    if (!r || s->closing)
        return; /* again with the next connection */
    if (r->type != REDIS_ARRAY) {
        refused(sh, r->str);
        return;
    }
    shard_load(sh, s->options.engine, r);
    sh->status = SHARD_IDLE;
    settled(s);
}

static void on_number(void *arg, const struct redis_reply *r)
{
    struct shard *sh = arg;
    struct store *s = sh->store;

    if (!r || s->closing)
        return;
    if (r->type == REDIS_ERROR_REPLY) {
        refused(sh, r->str);
        return;
    }
    shard_compare(sh, s->options.engine, r);
    settled(s);
}

/* What is in Redis?  Nothing is sent before every shard has its answer. */
static void ask(struct store *s)
{
    s->unsettled = s->n_shards;
    for (unsigned i = 0; i < s->n_shards; i++) {
        struct shard *sh = &s->shards[i];

        if (!s->options.state) {
            if (sh->status == SHARD_NEW)
                sh->status = SHARD_IDLE;
            settled(s);
        } else if (sh->status == SHARD_NEW) {
            redis_cmd_words(s->cmd, on_state, sh, "HGETALL", sh->key, NULL);
        } else {
            redis_cmd_words(s->cmd, on_number, sh, "HGET", sh->key,
                            SHARD_NUMBER, NULL);
        }
    }
}

static void on_retry(uv_timer_t *timer)
{
    struct store *s = timer->data;

    if (!redis_cmd_ready(s->cmd))
        return;
    if (s->unsettled > 0) {
        /* Answers of before may still come: only a new link has none. */
        redis_cmd_drop(s->cmd, "asking for the state again");
        return;
    }
    for (unsigned i = 0; i < s->n_shards; i++)
        if (s->shards[i].status == SHARD_UNSURE) {
            stats_checkpoint_retried();
            send_shard(&s->shards[i]);
        }
}

static void on_link_ready(void *arg)
{
    ask(arg);
}

static void on_link_down(void *arg, const char *why, bool refused_us)
{
    struct store *s = arg;

    s->events.on_down(s->arg, why, refused_us);
}

/* --- bars and cursors --- */

void store_bar(struct store *s, struct symbol *sym, const struct resolution *r,
               const struct bar *bar, enum bar_issue how)
{
    unsigned index = (unsigned)(r - s->options.engine->resolutions);

    outbox_bar(&s->shards[sym->shard].out, sym, index, r, bar, how);
}

bool store_cursor(const struct store *s, unsigned shard, struct entry_id *id)
{
    *id = s->shards[shard].cursor;
    return s->shards[shard].has_cursor;
}

enum store_past store_take_past(struct store *s, unsigned shard)
{
    enum store_past past = s->shards[shard].past;

    if (past == STORE_REWOUND)
        s->shards[shard].past = STORE_CURRENT;
    return past;
}

void store_advance(struct store *s, unsigned shard, struct entry_id id)
{
    struct shard *sh = &s->shards[shard];

    sh->cursor = id;
    sh->has_cursor = sh->moved = true;
}

/* --- beginning and end --- */

struct store *store_new(uv_loop_t *loop, const struct store_options *options,
                        const struct store_events *events, void *arg)
{
    struct store *s = mem_zero(sizeof *s);
    struct redis_cmd_events link = {.on_ready = on_link_ready,
                                    .on_down = on_link_down};

    s->options = *options;
    s->events = *events;
    s->arg = arg;
    s->n_shards = options->engine->config.shards;
    s->shards = mem_zero(s->n_shards * sizeof *s->shards);
    for (unsigned i = 0; i < s->n_shards; i++)
        shard_init(&s->shards[i], s, i, &options->outbox, options->state);
    uv_timer_init(loop, &s->retry);
    s->retry.data = s;
    s->cmd = redis_cmd_new(loop, options->redis, NULL, &link, s);
    s->open = 2;
    return s;
}

static void closed(struct store *s)
{
    void (*on_closed)(void *arg) = s->on_closed;
    void *arg = s->closed_arg;

    if (--s->open > 0)
        return;
    for (unsigned i = 0; i < s->n_shards; i++)
        shard_close(&s->shards[i]);
    free(s->shards);
    free(s);
    if (on_closed)
        on_closed(arg);
}

static void on_timer_closed(uv_handle_t *handle)
{
    closed(handle->data);
}

static void on_link_closed(void *arg)
{
    closed(arg);
}

void store_close(struct store *s, void (*done)(void *arg), void *arg)
{
    if (!s || s->closing)
        return;
    s->closing = true;
    s->on_closed = done;
    s->closed_arg = arg;
    uv_close((uv_handle_t *)&s->retry, on_timer_closed);
    redis_cmd_close(s->cmd, on_link_closed, s);
}

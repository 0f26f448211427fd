#include "bargen/store/join.h"

#include <stdio.h>
#include <stdlib.h>

enum { AGAIN_MS = 250 };

/* A group that must have no live member. */
struct rival {
    struct join *join;
    struct group_clash clash;
    char *base;   /* of its keys, with prefix */
    bool has_row; /* among the groups */
};

struct join {
    struct redis_cmd *cmd;
    struct join_events events;
    void *arg;
    const struct group *group;
    char prefix[64], id[MEMBERS_ID_MAX];
    uv_timer_t timer;
    bool up;
    unsigned asked;
    int64_t now_ms, since_ms; /* by the clock of Redis; since: the first look */
    struct rival *rivals;
    unsigned n_rivals, cap_rivals;
    int64_t noted_ms;
    bool rewound;
    bool waits; /* for one that may have died */
    /* As those before us had them, in our group and the others; 0: nobody. */
    unsigned shards, other_shards;
    char why[JOIN_WHY_MAX];
    const char **bases; /* of cap_rivals */
    unsigned n_bases, n_covering;
    void (*on_closed)(void *arg);
    void *closed_arg;
};

static void look(struct join *j);
static void on_timer(uv_timer_t *timer);

static void refuse(struct join *j, const struct redis_reply *r)
{
    if (j->up)
        j->events.on_refused(j->arg, r->type == REDIS_ERROR_REPLY
                                         ? r->str
                                         : span_str("an odd answer"));
}

static void on_error(void *arg, const struct redis_reply *r)
{
    if (r && r->type == REDIS_ERROR_REPLY)
        refuse(arg, r);
}

static void key_of(const struct join *j, struct span name, struct bytes *out)
{
    bytes_add_str(out, j->prefix);
    group_base(name, out);
}

/* A command about ourselves among the members of our group. */
static void begin_member(struct join *j, const char *command, unsigned words,
                         redis_reply_fn *fn)
{
    struct bytes key;

    bytes_init(&key);
    key_of(j, span_str(j->group->name), &key);
    bytes_add_str(&key, "members");
    redis_cmd_begin(j->cmd, words, fn, j);
    redis_cmd_str(j->cmd, command);
    redis_cmd_arg(j->cmd, key.ptr, key.len);
    bytes_close(&key);
}

/* --- nobody is in the way --- */

static void clear(struct join *j)
{
    for (unsigned i = 0; i < j->n_rivals; i++)
        free(j->rivals[i].base);
    j->n_rivals = j->n_bases = j->n_covering = 0;
}

static void add_base(struct join *j, const char *base, bool covers)
{
    /* Those that cover come first. */
    if (covers && j->n_covering < j->n_bases)
        j->bases[j->n_bases] = j->bases[j->n_covering];
    j->bases[covers ? j->n_covering : j->n_bases] = base;
    j->n_covering += covers;
    j->n_bases++;
}

static void find_bases(struct join *j)
{
    j->n_bases = j->n_covering = 0;
    for (unsigned i = 0; i < j->n_rivals; i++)
        if (j->rivals[i].clash.relation == GROUP_OVERLAPS)
            add_base(j, j->rivals[i].base, j->rivals[i].clash.covers);
}

static void on_exec(void *arg, const struct redis_reply *r)
{
    struct join *j = arg;

    if (!r || !j->up)
        return;
    if (r->type == REDIS_NIL_REPLY) { /* somebody else has joined */
        look(j);
        return;
    }
    if (r->type != REDIS_ARRAY) {
        refuse(j, r);
        return;
    }
    find_bases(j);
    j->events.on_joined(j->arg, j->rewound);
}

/* Which symbols a shard has depends on how many there are.  Whoever reads one
 * after that has changed finds that it is of no number that there can be: also
 * where there was no state in it, and where the number is what it once was. */
static void disown(struct join *j, const char *kind, unsigned shards)
{
    struct bytes key;

    bytes_init(&key);
    for (unsigned i = 0; i < shards; i++) {
        bytes_clear(&key);
        key_of(j, span_str(j->group->name), &key);
        bytes_printf(&key, "%s:%u", kind, i);
        redis_cmd_begin(j->cmd, 4, on_error, j);
        redis_cmd_str(j->cmd, "HSET");
        redis_cmd_arg(j->cmd, key.ptr, key.len);
        redis_cmd_str(j->cmd, "shards");
        redis_cmd_str(j->cmd, "0");
    }
    bytes_close(&key);
}

static void disown_shards(struct join *j)
{
    unsigned ours = group_shards(bytes_span(&j->group->options));
    unsigned were = j->shards ? j->shards : j->other_shards;

    if (were == 0 || were == ours)
        return;
    disown(j, "state", were > ours ? were : ours);
    disown(j, "pubsub", were > ours ? were : ours);
}

static void register_us(struct join *j)
{
    struct bytes key;

    bytes_init(&key);
    redis_cmd_words(j->cmd, on_error, j, "MULTI", NULL);
    disown_shards(j);
    redis_cmd_begin(j->cmd, 4, on_error, j);
    redis_cmd_str(j->cmd, "HSET");
    bytes_printf(&key, "%sbargen:groups", j->prefix);
    redis_cmd_arg(j->cmd, key.ptr, key.len);
    redis_cmd_str(j->cmd, j->group->name);
    redis_cmd_arg(j->cmd, j->group->options.ptr, j->group->options.len);
    begin_member(j, "ZADD", 4, on_error);
    redis_cmd_int(j->cmd, j->now_ms);
    redis_cmd_str(j->cmd, j->id);
    redis_cmd_words(j->cmd, on_exec, j, "EXEC", NULL);
    bytes_close(&key);
}

/* --- who is there? --- */

static void say_conflict(struct join *j, const struct group_clash *c,
                         struct span id)
{
    int len = id.len < MEMBERS_ID_MAX ? (int)id.len : MEMBERS_ID_MAX;

    if (c->relation == GROUP_RULES)
        snprintf(j->why, sizeof j->why,
                 "%s: %s here, but instance %.*s, which shares these bars, has "
                 "%s: give all the same, or end the others first",
                 c->option, c->ours, len, id.ptr, c->theirs);
    else
        snprintf(j->why, sizeof j->why,
                 "%s: %s here overlaps with %s of instance %.*s, which makes "
                 "some of the same bars: give both the same, or end it first",
                 c->option, c->ours, c->theirs, len, id.ptr);
    j->events.on_conflict(j->arg, j->why);
}

static void decide(struct join *j)
{
    if (--j->asked > 0 || !j->up)
        return;
    if (j->waits)
        uv_timer_start(&j->timer, on_timer, AGAIN_MS, 0);
    else
        register_us(j);
}

/* Pairs of id and score. */
static void on_rival(void *arg, const struct redis_reply *r)
{
    struct rival *rival = arg;
    struct join *j = rival->join;
    struct span alive = {NULL, 0};

    if (!r || !j->up)
        return;
    if (r->type != REDIS_ARRAY) {
        refuse(j, r);
        return;
    }
    /* Without a row it is of a version that had no members, or has come since we
     * looked: then our EXEC does nothing, and we look again.  A sign of life of
     * the future is from before the clock was set back: who lives gives another
     * while we wait. */
    for (size_t i = 0; rival->has_row && i + 1 < r->count; i += 2) {
        uint64_t seen_ms = 0;
        bool future;

        span_number(r->item[i + 1].str, SPAN_DIGITS_MAX, &seen_ms);
        future = (int64_t)seen_ms > j->now_ms + MEMBERS_SILENT_MS;
        if (span_is(r->item[i].str, j->id) ||
            (int64_t)seen_ms + MEMBERS_SILENT_MS <= j->now_ms ||
            (future && j->now_ms >= j->since_ms + MEMBERS_SILENT_MS))
            continue;
        j->waits = true;
        if (!future && (int64_t)seen_ms > j->since_ms)
            alive = r->item[i].str;
    }
    if (alive.len > 0)
        say_conflict(j, &rival->clash, alive);
    if (j->up)
        decide(j);
}

static void ask_rival(struct join *j, struct rival *rival)
{
    struct bytes key;

    bytes_init(&key);
    bytes_printf(&key, "%smembers", rival->base);
    redis_cmd_begin(j->cmd, 5, on_rival, rival);
    redis_cmd_str(j->cmd, "ZRANGE");
    redis_cmd_arg(j->cmd, key.ptr, key.len);
    redis_cmd_str(j->cmd, "0");
    redis_cmd_str(j->cmd, "-1");
    redis_cmd_str(j->cmd, "WITHSCORES");
    bytes_close(&key);
}

static void add_rival(struct join *j, struct span name,
                      const struct group_clash *clash)
{
    struct bytes key;

    if (j->n_rivals == j->cap_rivals) {
        j->cap_rivals = j->cap_rivals ? j->cap_rivals * 2 : 16;
        j->rivals = mem_grow(j->rivals, j->cap_rivals * sizeof *j->rivals);
        j->bases = mem_grow(j->bases, j->cap_rivals * sizeof *j->bases);
    }
    bytes_init(&key);
    key_of(j, name, &key);
    j->rivals[j->n_rivals++] =
        (struct rival){j, *clash, mem_str(bytes_span(&key)), true};
    bytes_close(&key);
}

/* One that has others than we is enough. */
static void note_other_shards(struct join *j, unsigned shards)
{
    if (shards != 0 && shards != group_shards(bytes_span(&j->group->options)))
        j->other_shards = shards;
}

static void on_groups(void *arg, const struct redis_reply *r)
{
    static const struct group_clash before = {.relation = GROUP_OVERLAPS,
                                              .covers = true};
    struct join *j = arg;
    bool plain = strcmp(j->group->name, "1") == 0;

    if (!r || !j->up)
        return;
    if (r->type != REDIS_ARRAY) {
        refuse(j, r);
        return;
    }
    clear(j);
    j->shards = j->other_shards = 0;
    for (size_t i = 0; i + 1 < r->count; i += 2) {
        struct span name = r->item[i].str, options = r->item[i + 1].str;
        struct group_clash clash = group_compare(j->group, name, options);

        if (span_is(name, j->group->name))
            j->shards = group_shards(options);
        else if (clash.relation == GROUP_OVERLAPS)
            note_other_shards(j, group_shards(options));

        plain = plain || span_is(name, "1");
        if (clash.relation != GROUP_APART && clash.relation != GROUP_SAME)
            add_rival(j, name, &clash);
    }
    /* Versions without groups have kept all their state in plain keys. */
    if (!plain) {
        add_rival(j, span_str("1"), &before);
        j->rivals[j->n_rivals - 1].has_row = false;
    }
    j->waits = false;
    j->asked = j->n_rivals + 1;
    for (unsigned i = 0; i < j->n_rivals; i++)
        ask_rival(j, &j->rivals[i]);
    decide(j);
}

static void on_time(void *arg, const struct redis_reply *r)
{
    struct join *j = arg;

    if (!r || !j->up)
        return;
    if (!members_time(r, &j->now_ms)) {
        refuse(j, r);
        return;
    }
    if (j->since_ms == 0 || j->now_ms < j->since_ms)
        j->since_ms = j->now_ms;
}

static void look(struct join *j)
{
    struct bytes key;

    bytes_init(&key);
    bytes_printf(&key, "%sbargen:groups", j->prefix);
    bytes_add(&key, "", 1);
    redis_cmd_words(j->cmd, on_error, j, "WATCH", key.ptr, NULL);
    redis_cmd_words(j->cmd, on_time, j, "TIME", NULL);
    redis_cmd_words(j->cmd, on_groups, j, "HGETALL", key.ptr, NULL);
    bytes_close(&key);
}

static void on_timer(uv_timer_t *timer)
{
    look(timer->data);
}

/* --- the owner's side --- */

struct join *join_new(uv_loop_t *loop, const struct join_config *config,
                      const struct join_events *events, void *arg)
{
    struct join *j = mem_zero(sizeof *j);

    j->cmd = config->cmd;
    j->events = *events;
    j->arg = arg;
    j->group = config->group;
    snprintf(j->prefix, sizeof j->prefix, "%.*s", SPAN_ARG(config->prefix));
    snprintf(j->id, sizeof j->id, "%s", config->id);
    uv_timer_init(loop, &j->timer);
    j->timer.data = j;
    return j;
}

static void on_score(void *arg, const struct redis_reply *r)
{
    struct join *j = arg;
    uint64_t known_ms = 0;

    if (!r || !j->up)
        return;
    if (r->type == REDIS_STRING)
        span_number(r->str, SPAN_DIGITS_MAX, &known_ms);
    j->rewound = (int64_t)known_ms < j->noted_ms;
}

void join_begin(struct join *j, int64_t noted_ms)
{
    j->up = true;
    j->since_ms = 0;
    j->noted_ms = noted_ms;
    j->rewound = false;
    begin_member(j, "ZSCORE", 3, on_score);
    redis_cmd_str(j->cmd, j->id);
    look(j);
}

void join_end(struct join *j)
{
    j->up = false;
    uv_timer_stop(&j->timer);
}

unsigned join_bases(const struct join *j, const char *const **bases,
                    unsigned *n_covering)
{
    *bases = j->bases;
    *n_covering = j->n_covering;
    return j->n_bases;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct join *j = handle->data;
    void (*done)(void *arg) = j->on_closed;
    void *arg = j->closed_arg;

    clear(j);
    free(j->rivals);
    free(j->bases);
    free(j);
    done(arg);
}

void join_close(struct join *j, void (*done)(void *arg), void *arg)
{
    j->up = false;
    j->on_closed = done;
    j->closed_arg = arg;
    uv_close((uv_handle_t *)&j->timer, on_timer_closed);
}

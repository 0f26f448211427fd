#include "bargen/store/shard.h"

#include <inttypes.h>
#include <stdio.h>

#include "bargen/store/shard_ids.h"
#include "bargen/store/state.h"
#include "common/base/log.h"
#include "common/redis/redis_resp.h"

void shard_init(struct shard *sh, struct store *store, unsigned n,
                const struct outbox_options *options, const char *state)
{
    *sh = (struct shard){.store = store, .n = n, .status = SHARD_AWAY};
    outbox_init(&sh->out, options);
    bytes_init(&sh->flying);
    bytes_init(&sh->name);
    bytes_init(&sh->text);
    bytes_init(&sh->stale);
    if (state)
        snprintf(sh->key, sizeof sh->key, "%.*s%s:%u",
                 SPAN_ARG(options->prefix), state, n);
}

void shard_close(struct shard *sh)
{
    outbox_close(&sh->out);
    bytes_close(&sh->flying);
    bytes_close(&sh->name);
    bytes_close(&sh->text);
    bytes_close(&sh->stale);
}

static void command(struct shard *sh, unsigned argc, const char *name)
{
    resp_array(&sh->flying, argc);
    resp_bulk_str(&sh->flying, name);
    sh->flying_commands++;
}

static void bar_name(struct bytes *name, const struct symbol *sym,
                     const struct resolution *r, int64_t start_ns)
{
    bytes_clear(name);
    bytes_add_str(name, "b:");
    bytes_add_span(name, sym->name);
    bytes_add_str(name, ":");
    bytes_add_str(name, r->name);
    bytes_add_str(name, ":");
    bytes_add_int(name, start_ns / NS_PER_MS);
}

static void add_bar(struct shard *sh, const struct symbol *sym,
                    const struct resolution *r, struct bar *bar)
{
    struct bytes *name = &sh->name, *text = &sh->text;

    bar_name(name, sym, r, bar->start_ns);
    bytes_clear(text);
    state_encode_bar(bar, text);
    command(sh, 4, "HSET");
    resp_bulk_str(&sh->flying, sh->key);
    resp_bulk(&sh->flying, name->ptr, name->len);
    resp_bulk(&sh->flying, text->ptr, text->len);
    bar->flags &= ~(uint32_t)BAR_UNSAVED;
    bar->flags |= BAR_STORED;
}

/* Closed bars that were dropped, and those that have changed. */
static void add_closed(struct shard *sh, const struct symbol *sym,
                       struct series *s, const struct resolution *r)
{
    for (unsigned i = 0; i < s->n_dropped; i++) {
        bar_name(&sh->name, sym, r, s->dropped_ns[i]);
        command(sh, 3, "HDEL");
        resp_bulk_str(&sh->flying, sh->key);
        resp_bulk(&sh->flying, sh->name.ptr, sh->name.len);
    }
    s->n_dropped = 0;
    for (unsigned i = 0; i < s->n_kept; i++)
        if ((s->kept[i].flags & (BAR_CLOSED | BAR_UNSAVED)) ==
            (BAR_CLOSED | BAR_UNSAVED))
            add_bar(sh, sym, r, &s->kept[i]);
}

static void add_symbols(struct shard *sh, struct engine *e)
{
    for (struct symbol *sym = e->shards[sh->n].dirty; sym;
         sym = sym->next_dirty) {
        bytes_clear(&sh->name);
        bytes_add_str(&sh->name, "s:");
        bytes_add_span(&sh->name, sym->name);
        bytes_clear(&sh->text);
        state_encode(sym, &e->rules, STATE_OPEN_BARS, &sh->text);
        command(sh, 4, "HSET");
        resp_bulk_str(&sh->flying, sh->key);
        resp_bulk(&sh->flying, sh->name.ptr, sh->name.len);
        resp_bulk(&sh->flying, sh->text.ptr, sh->text.len);
        sh->flying_commands += shard_ids_put(&sh->flying, sh->key, sym);
        for (unsigned i = 0; i < sym->n_series; i++)
            add_closed(sh, sym, &sym->series[i], &e->resolutions[i]);
    }
}

static void add_cursor(struct shard *sh, const struct engine *e)
{
    char cursor[ENTRY_ID_TEXT_MAX];

    entry_id_print(sh->cursor, cursor);
    command(sh,
            8 + (sh->owner ? 2 : 0) + (sh->has_cursor ? 2 : 0) +
                (sh->anew_ms ? 2 : 0),
            "HSET");
    resp_bulk_str(&sh->flying, sh->key);
    resp_bulk_str(&sh->flying, SHARD_NUMBER);
    resp_bulk_int(&sh->flying, (int64_t)sh->number);
    resp_bulk_str(&sh->flying, "fence");
    resp_bulk_int(&sh->flying, (int64_t)sh->fence);
    resp_bulk_str(&sh->flying, "shards");
    resp_bulk_int(&sh->flying, e->config.shards);
    if (sh->owner) {
        resp_bulk_str(&sh->flying, "owner");
        resp_bulk_str(&sh->flying, sh->owner);
    }
    if (sh->anew_ms) {
        resp_bulk_str(&sh->flying, "anew");
        resp_bulk_int(&sh->flying, sh->anew_ms);
    }
    if (!sh->has_cursor)
        return;
    resp_bulk_str(&sh->flying, "cursor");
    resp_bulk_str(&sh->flying, cursor);
}

void shard_compose(struct shard *sh, struct engine *e)
{
    bool stateful = sh->key[0] != '\0';

    outbox_latest(&sh->out);
    bytes_clear(&sh->flying);
    sh->flying_commands = 0;
    bytes_add_span(&sh->flying, bytes_span(&sh->out.run));
    sh->flying_commands += sh->out.commands;
    if (stateful && sh->fresh) {
        command(sh, 2, "DEL");
        resp_bulk_str(&sh->flying, sh->key);
        sh->fresh = false;
    }
    if (stateful) {
        sh->number++;
        bytes_add_span(&sh->flying, bytes_span(&sh->stale));
        sh->flying_commands += sh->stale_commands;
        bytes_clear(&sh->stale);
        sh->stale_commands = 0;
        add_symbols(sh, e);
        add_cursor(sh, e);
    }
    outbox_clear(&sh->out);
    engine_clean(e, sh->n);
    sh->moved = false;
}

void shard_landed(struct shard *sh)
{
    bytes_clear(&sh->flying);
    sh->flying_commands = 0;
    sh->status = SHARD_IDLE;
}

/* --- what is stored --- */

/* A Redis that has lost writes: give it everything anew. */
static void write_all(struct shard *sh, struct engine *e)
{
    engine_touch_all(e, sh->n);
    for (struct symbol *sym = e->shards[sh->n].dirty; sym;
         sym = sym->next_dirty) {
        if (sym->ids.more)
            id_blocks_touch_all(&sym->ids.more->blocks);
        for (unsigned i = 0; i < sym->n_series; i++)
            for (unsigned k = 0; k < sym->series[i].n_kept; k++)
                sym->series[i].kept[k].flags |= BAR_UNSAVED;
    }
}

void shard_adopt(struct shard *sh, struct engine *e, uint64_t number)
{
    sh->number = number;
    sh->fresh = sh->moved = true;
    bytes_clear(&sh->stale); /* all that is stored goes */
    sh->stale_commands = 0;
    write_all(sh, e);
}

static uint64_t number_of(const struct redis_reply *r)
{
    uint64_t n = 0;

    if (r->type == REDIS_STRING)
        span_number(r->str, SPAN_DIGITS_MAX, &n);
    return n;
}

/* Fencing numbers only ever increase, also when Redis has lost writes. */
static bool is_foreign(const struct shard *sh, const struct redis_reply *fence,
                       const struct redis_reply *owner)
{
    return sh->owner && owner->type == REDIS_STRING &&
           !span_is(owner->str, sh->owner) && number_of(fence) > sh->fence;
}

enum shard_verdict shard_compare(struct shard *sh, struct engine *e,
                                 const struct redis_reply *r)
{
    uint64_t stored = number_of(&r->item[0]);

    if (is_foreign(sh, &r->item[1], &r->item[2]))
        return SHARD_FOREIGN;
    /* An older state that is not dealt with yet stays one. */
    if (stored == 0 || sh->past != STORE_REWOUND)
        sh->past = stored == 0 ? STORE_EMPTY : STORE_CURRENT;
    if (stored == sh->number) {
        if (sh->status == SHARD_UNSURE)
            shard_landed(sh); /* it ran, only the answer was lost */
        return SHARD_GOOD;
    }
    if (sh->status == SHARD_UNSURE && stored + 1 == sh->number)
        return SHARD_GOOD; /* it did not: send it again */
    if (stored > 0 && stored < sh->number)
        sh->past = STORE_REWOUND;
    log_warn("state_replaced", "shard=%u stored=%" PRIu64 " expected=%" PRIu64,
             sh->n, stored, sh->number);
    write_all(sh, e);
    return SHARD_GOOD;
}

void shard_forget(struct shard *sh, struct engine *e)
{
    outbox_forget(&sh->out);
    engine_forget(e, sh->n, true);
    bytes_clear(&sh->flying);
    bytes_clear(&sh->stale);
    sh->flying_commands = sh->stale_commands = 0;
    sh->status = SHARD_AWAY;
    sh->number = 0;
    sh->cursor = (struct entry_id){0, 0};
    sh->has_cursor = sh->moved = sh->known = sh->leaving = sh->fresh = false;
    sh->anew_ms = 0;
    sh->past = STORE_EMPTY;
}

#include "bargen/store/shard.h"

#include <inttypes.h>
#include <stdio.h>

#include "bargen/store/shard_ids.h"
#include "bargen/store/state.h"
#include "common/base/log.h"
#include "common/event/route.h"
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
    command(sh, 8 + (sh->owner ? 2 : 0) + (sh->has_cursor ? 2 : 0), "HSET");
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

/* --- reading back --- */

/* What of a state cannot be used, told once for all of it. */
struct damage {
    unsigned symbols, bars;
    struct span first; /* name of the first */
    struct err why;    /* of that */
};

static void discard(struct shard *sh, struct span field)
{
    resp_array(&sh->stale, 3);
    resp_bulk_str(&sh->stale, "HDEL");
    resp_bulk_str(&sh->stale, sh->key);
    resp_bulk(&sh->stale, field.ptr, field.len);
    sh->stale_commands++;
}

static void note_damage(struct damage *d, struct span name,
                        const struct err *err)
{
    if (d->first.len > 0)
        return;
    d->first = name;
    d->why = *err;
}

static void log_damage(const struct shard *sh, const struct damage *d)
{
    if (d->symbols == 0 && d->bars == 0)
        return;
    log_error("state_bad",
              "key=%s symbols=%u bars=%u first=%s why=%s then=\"these symbols "
              "begin anew: their first bars are flagged gap; these closed bars "
              "take no more late trades\"",
              sh->key, d->symbols, d->bars, LOG_Q(d->first),
              LOG_Q(span_str(d->why.text)));
}

/* With *all, none of the state can be used. */
static void load_symbol(struct shard *sh, struct engine *e, struct span field,
                        struct span text, const struct err *all,
                        struct damage *d)
{
    struct span name = span_make(field.ptr + 2, field.len - 2);
    unsigned shard = route_shard(name, e->config.shards);
    struct symbol *sym = engine_symbol(e, name); /* NULL, too: not of ours */
    struct err err = *all;

    if (sym ? sym->ignored : shard == sh->n)
        return;
    if (shard != sh->n) {
        err_set(&err, ERR_INPUT, "it belongs to shard %u", shard);
        discard(sh, field);
    }
    if (e->config.price > PRICE_TRADE && state_basis(text) == SYMBOL_TRADES)
        err_set(&err, ERR_INPUT, "it is of trades, --price asks for quotes");
    if (err.code == ERR_NONE && state_decode(sym, &e->rules, text, &err))
        return;
    d->symbols++;
    note_damage(d, name, &err);
    /* Where it belongs there may be a good one. */
    if (sym && sym->newest_ns == INT64_MIN)
        engine_begin_anew(e, sym);
}

/* name is SYMBOL:RESOLUTION:START; neither has a colon in it. */
static void load_bar(struct shard *sh, struct engine *e, struct span field,
                     struct span text, struct damage *d)
{
    struct span name = span_make(field.ptr + 2, field.len - 2), resolution;
    const char *end = name.ptr + name.len;
    const char *colon = memchr(name.ptr, ':', name.len);
    const char *second = colon ? memchr(colon + 1, ':', end - colon - 1) : NULL;
    struct err err = {0};
    struct symbol *sym;
    uint64_t start_ms;

    if (!second)
        return;
    sym = engine_symbol(e, span_make(name.ptr, (size_t)(colon - name.ptr)));
    if (!sym || sym->ignored)
        return;
    if (sym->newest_ns == INT64_MIN) { /* of a symbol that begins anew */
        discard(sh, field);
        return;
    }
    resolution = span_make(colon + 1, (size_t)(second - colon) - 1);
    if (state_decode_bar(sym, &e->rules, resolution, text, &err))
        return;
    d->bars++;
    note_damage(d, name, &err);
    discard(sh, field);
    if (span_number(span_make(second + 1, (size_t)(end - second) - 1), 13,
                    &start_ms))
        state_forget_bar(sym, &e->rules, resolution, (int64_t)start_ms);
}

/* False: none of it can be used, err says why. */
static bool load_fields(struct shard *sh, const struct engine *e,
                        const struct redis_reply *r, struct err *err)
{
    uint64_t shards = e->config.shards;
    bool good = true;

    for (size_t i = 0; i + 1 < r->count; i += 2) {
        struct span name = r->item[i].str, value = r->item[i + 1].str;

        if (span_is(name, SHARD_NUMBER))
            good &= span_number(value, SPAN_DIGITS_MAX, &sh->number);
        else if (span_is(name, "shards"))
            good &= span_number(value, SPAN_DIGITS_MAX, &shards);
        else if (span_is(name, "cursor"))
            good &= sh->has_cursor = entry_id_parse(value, &sh->cursor);
    }
    if (!good)
        return err_set(err, ERR_INPUT, "its number or cursor is damaged");
    if (shards != e->config.shards)
        return err_set(err, ERR_INPUT,
                       "it is of %" PRIu64 " shards, --shards is %u; start "
                       "tickpub and bargen with the same number",
                       shards, e->config.shards);
    return true;
}

/* name is SYMBOL:CHUNK. */
static void load_ids(struct shard *sh, struct engine *e, struct span field,
                     struct span text, struct damage *d)
{
    struct span name = span_make(field.ptr + 2, field.len - 2);
    const char *end = name.ptr + name.len;
    const char *colon = memchr(name.ptr, ':', name.len);
    struct err err = {0};
    struct symbol *sym;
    uint64_t chunk;

    if (!colon)
        return;
    sym = engine_symbol(e, span_make(name.ptr, (size_t)(colon - name.ptr)));
    if (!sym || sym->ignored)
        return;
    if (!span_number(span_make(colon + 1, (size_t)(end - colon) - 1),
                     SPAN_DIGITS_MAX, &chunk) ||
        !state_knows_ids(sym, chunk)) { /* of a symbol that began anew */
        discard(sh, field);
        return;
    }
    if (state_decode_ids(sym, text, &err))
        return;
    note_damage(d, name, &err);
    discard(sh, field);
}

/* Without all of its ids a symbol cannot tell which trades it has seen. */
static void check_ids(struct shard *sh, struct engine *e, struct damage *d)
{
    for (unsigned i = 0; i < e->symbols.n; i++) {
        struct symbol *sym = e->symbols.all[i];
        struct err err = {0};

        if (sym->shard != sh->n || !sym->ids.more ||
            sym->ids.more->blocks.missing == 0)
            continue;
        err_set(&err, ERR_INPUT, "%u blocks of its trade ids are missing",
                sym->ids.more->blocks.missing);
        sym->ids.more->blocks.missing = 0;
        d->symbols++;
        note_damage(d, sym->name, &err);
        engine_begin_anew(e, sym);
    }
}

void shard_load(struct shard *sh, struct engine *e, const struct redis_reply *r)
{
    struct damage damage = {0};
    struct err err = {0};

    bytes_clear(&sh->stale);
    sh->stale_commands = 0;
    if (!load_fields(sh, e, r, &err))
        e->anew = true;
    for (size_t i = 0; i + 1 < r->count; i += 2)
        if (span_starts(r->item[i].str, "s:"))
            load_symbol(sh, e, r->item[i].str, r->item[i + 1].str, &err,
                        &damage);
    sh->past = sh->number > 0 ? STORE_CURRENT : STORE_EMPTY;
    /* Bars and ids come after the symbols that they belong to. */
    for (size_t i = 0; i + 1 < r->count; i += 2) {
        struct span field = r->item[i].str, value = r->item[i + 1].str;

        if (span_starts(field, "b:"))
            load_bar(sh, e, field, value, &damage);
        else if (span_starts(field, "i:"))
            load_ids(sh, e, field, value, &damage);
    }
    check_ids(sh, e, &damage);
    log_damage(sh, &damage);
    for (unsigned i = 0; i < e->symbols.n; i++)
        if (e->symbols.all[i]->shard == sh->n)
            engine_restored(e, e->symbols.all[i]);
}

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
    sh->past = STORE_EMPTY;
}

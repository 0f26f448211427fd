/* A shard's state out of Redis, as far as it can be used. */
#include <inttypes.h>

#include "bargen/store/shard.h"
#include "bargen/store/state.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/event/route.h"
#include "common/redis/redis_resp.h"

/* The longest bar that may have begun before. */
#define ANEW_MS (INT64_C(31) * 24 * 3600 * 1000)

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
    if (d->symbols == 0 && d->bars == 0 && d->why.code == ERR_NONE)
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

static bool read_anew(struct shard *sh, struct span value)
{
    uint64_t ms;

    if (!span_number(value, 13, &ms))
        return false;
    if ((int64_t)ms + ANEW_MS > clock_wall_ms())
        sh->anew_ms = (int64_t)ms;
    return true;
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
        else if (span_is(name, "anew"))
            good &= read_anew(sh, value);
        else if (span_is(name, "cursor"))
            good &= sh->has_cursor = entry_id_parse(value, &sh->cursor);
    }
    if (!good)
        return err_set(err, ERR_INPUT, "its number or cursor is damaged");
    if (shards == 0)
        return err_set(err, ERR_INPUT, "--shards is %u, and was another number",
                       e->config.shards);
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
    if (!load_fields(sh, e, r, &err)) {
        sh->anew_ms = clock_wall_ms();
        sh->moved = true; /* the next one reads that it is so */
        damage.why = err;
    }
    e->shards[sh->n].anew = sh->anew_ms != 0;
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

/*
 * model_rest.h -- at rest: everything is repaired, everything has come, and
 * each client has what it must have.
 *
 * What the gateway may not know, or not tell, is said here and nowhere else:
 * messages that were never published while their channel was heard, caches that
 * do not say of themselves that they are newer, and, to those who have only a
 * wildcard, what was read from a cache after they came (decision 0013).
 */
#pragma once

#include "tests/unit/wsgate/model/model_hear.h"

enum { REST_MS = 6000, REST_DENIED_MS = 34000, REST_STEP_MS = 100 };

/* One turn of the loop, and what comes of it. */
static void world_turn(void)
{
    uv_run(&gate.loop, UV_RUN_NOWAIT);
    gate_scan();
    visitors_hear();
    visitors_wait();
    gate_check_counters();
    for (int i = 0; i < VISITORS; i++) {
        if (visitors[i].fd >= 0 && (visitors[i].closed || !visitors[i].client))
            visitor_leave(&visitors[i]);
    }
}

static void redis_go_on(void)
{
    for (struct redis_conn *c = redis.first, *next; c; c = next) {
        next = c->next;
        redis_open(c);
        redis_work(c);
        redis_deliver(c, SIZE_MAX);
        gate_scan();
    }
}

static void world_rest(int64_t ms)
{
    for (; ms > 0 && !model.failed[0]; ms -= REST_STEP_MS) {
        model.mono_ns += (int64_t)REST_STEP_MS * 1000000;
        redis_go_on();
        world_turn();
    }
}

/* --- what each client must have heard --- */

static const struct last_told *seen(const struct ear *h, uint32_t number)
{
    for (unsigned i = 0; i < h->n_told; i++) {
        if (h->told[i].seen &&
            same_slot(record_of(h->told[i].record), record_of(number)))
            return &h->told[i];
    }
    return NULL;
}

static void must_have(const struct visitor *v, int c, uint32_t number,
                      enum model_check check, const char *why)
{
    const struct last_told *t = seen(&v->heard[c], number);

    if (record_of(number)->type == 'p' && (model.skipped >> CHECK_SYMBOLS & 1))
        return;
    if (!t || t->record < number)
        broken(check, number_of(v), c, "has m=%u, not m=%u, which %s",
               t ? t->record : 0, number, why);
}

static bool redis_refuses(unsigned name)
{
    char text[REDIS_NAME_MAX];

    snprintf(text, sizeof text, PREFIX "%s", name_of(name));
    return redis_denies(span_str(text), name >= CHANNELS);
}

/* Only the newest bar is shown where a subscription begins anew. */
static enum model_check check_of(const struct ear *h, const struct issue *is,
                                 unsigned i)
{
    const struct record *r = record_of(is->slots[i].record);

    for (unsigned k = 0; r->type == 'b' && k < is->n_slots; k++) {
        if (record_of(is->slots[k].record)->extra > r->extra &&
            is->slots[i].frame < h->anew)
            return CHECK_ANEW;
    }
    return CHECK_KNOWN;
}

/* A snapshot that had not been sent when the subscription changed begins anew,
 * with what is the newest bar by then. */
static bool is_begun_anew(const struct ear *h, const struct issue *is,
                          uint32_t number)
{
    const struct record *r = record_of(number);

    for (unsigned k = 0; r->type == 'b' && k < is->n_slots; k++) {
        if (record_of(is->slots[k].record)->extra > r->extra &&
            is->slots[k].frame < h->anew)
            return h->anew > h->from;
    }
    return false;
}

static void check_channel(const struct visitor *v, int c)
{
    const struct ear *h = &v->heard[c];
    const struct issue *is = &gate.issues[c];
    const struct channel *channel = gate_channel(c);

    if (!channel || given(v, c) == 0)
        return;
    for (unsigned i = 0; i < is->n_slots; i++) {
        if (is->slots[i].frame >= h->from &&
            strcmp(is->epoch, channel->epoch) == 0)
            must_have(v, c, is->slots[i].record, check_of(h, is, i),
                      "was sent");
    }
    for (unsigned i = 0; i < h->n_needs; i++) {
        if (!is_begun_anew(h, is, h->needs[i]))
            must_have(v, c, h->needs[i], CHECK_KNOWN, "was known when it came");
    }
    if (is_owed_all(v, c) && h->pos != POS_UNKNOWN && is->n > 0 &&
        strcmp(is->epoch, channel->epoch) == 0 && is->seqs[is->n - 1] > h->pos)
        broken(CHECK_LOST, number_of(v), c,
               "was told up to %" PRIu64 ", and there is %" PRIu64, h->pos,
               is->seqs[is->n - 1]);
}

static void check_subscriptions(const struct visitor *v)
{
    for (unsigned i = 0; i < NAMES; i++) {
        const struct subscription *s = &v->subs[i];
        if (s->had != s->given)
            broken(CHECK_ORDER, number_of(v), NOBODY, "%s: %s", name_of(i),
                   s->had ? "was taken away and nothing said"
                          : "was given and nothing said");
        if (s->had && s->refused != redis_refuses(i))
            broken(CHECK_REFUSED, number_of(v), NOBODY, "%s: %s", name_of(i),
                   s->refused ? "is granted and nothing said"
                              : "is refused and nothing said");
    }
}

/* --- what the gateway must have learned --- */

static bool is_named(int c)
{
    for (int i = 0; i < VISITORS; i++) {
        if (visitors[i].fd >= 0 && visitors[i].subs[c].given)
            return !redis_refuses((unsigned)c);
    }
    return false;
}

static bool is_heard(int c)
{
    char name[REDIS_NAME_MAX];
    bool has = false;

    snprintf(name, sizeof name, PREFIX "%s", rows[c].name);
    for (const struct redis_conn *r = redis.first; r; r = r->next)
        has |= !r->closed && redis_has(r, span_str(name), true);
    return has;
}

/* Did it happen while we were away?  Then all are told. */
static bool was_missed(const struct cover *cover, const struct record *r,
                       uint32_t number)
{
    if (!cover->recover || holding_find(&cover->lost, r) ||
        !record_of(number)->published)
        return false;
    if (r->type == 'b')
        return cover->lost_bar > 0 && r->extra > cover->lost_bar;
    return r->time_ms > 0 && cover->lost_ms > 0 && r->time_ms > cover->lost_ms;
}

/* Of 64 bars the one with the oldest frame gives way: what was cached has none. */
static bool is_old_bar(const struct holding *held, const struct record *r)
{
    for (unsigned i = 0; i < held->n; i++) {
        if (record_of(held->at[i].record)->type == 'b' &&
            record_of(held->at[i].record)->extra > r->extra)
            return true;
    }
    return false;
}

static void check_cached(int c, uint32_t number)
{
    const struct cover *cover = &gate_covers[c];
    const struct record *r = record_of(number);
    const struct issue *is = &gate.issues[c];
    const struct held *h;
    struct holding held;
    bool told = false;

    if (r->secret || (r->type == 'p' && (model.skipped >> CHECK_SYMBOLS & 1)))
        return;
    gate_holding(c, &held);
    h = holding_find(&held, r);
    if (!h && !(r->type == 'b' && is_old_bar(&held, r)))
        broken(CHECK_FETCHED, NOBODY, c, "m=%u was read and is not known",
               number);
    else if (h && h->record < number && says_newer(r, record_of(h->record)) &&
             (r->published || h->frame < cover->lost_frame))
        broken(CHECK_FETCHED, NOBODY, c, "m=%u was read, m=%u is held", number,
               h->record);
    for (unsigned i = 0; i < is->n_slots; i++)
        told |= is->slots[i].frame >= cover->lost_frame &&
                is->slots[i].record >= number &&
                same_slot(record_of(is->slots[i].record), r);
    if (!told && was_missed(cover, r, number))
        broken(CHECK_FETCHED, NOBODY, c, "m=%u was missed and not told",
               number);
}

static void check_fetched(int c)
{
    struct cover *cover = &gate_covers[c];
    const struct channel *channel = gate_channel(c);
    bool is_read = cover->read_on == gate.upstream->connection;

    if (!channel || strcmp(cover->epoch, channel->epoch) != 0)
        cover->recover = cover->may_recover = false;
    if (!channel)
        return;
    if (is_named(c) && !is_read)
        broken(CHECK_FETCHED, NOBODY, c, "the cache of %s was not read",
               rows[c].name);
    if (cover->recover && (is_named(c) || (is_heard(c) && has_wildcard(c))) &&
        !is_read)
        broken(CHECK_FETCHED, NOBODY, c,
               "the cache of %s was not read after an outage", rows[c].name);
    for (unsigned i = 0; is_read && i < cover->n_read; i++)
        check_cached(c, cover->read[i]);
    if (is_read)
        cover->recover = cover->may_recover = false;
}

/* --- nobody is mute --- */

static bool is_granted(const struct visitor *v, int c)
{
    for (unsigned i = 0; i < NAMES; i++) {
        if (v->subs[i].given && covers(i, c) && !redis_refuses(i))
            return true;
    }
    return false;
}

static void check_live(int c)
{
    uint32_t number;

    if (rows[c].kind == SECRET)
        return;
    do {
        feed_publish((unsigned)c);
        feed_late((unsigned)c);
        number = feeds.n;
    } while (record_of(number)->secret || !record_of(number)->published);
    world_rest(1500);
    for (int i = 0; i < VISITORS; i++) {
        if (visitors[i].fd >= 0 && is_granted(&visitors[i], c))
            must_have(&visitors[i], c, number, CHECK_KNOWN,
                      "was just published");
    }
}

static void world_check(bool denied_changed)
{
    redis.away = redis.loading = redis.readonly = false;
    for (unsigned c = 0; c < CHANNELS; c++)
        feed_late(c);
    for (int i = 0; i < VISITORS; i++)
        visitors[i].room = SIZE_MAX;
    trace(NOBODY, NOBODY, "all is repaired");
    world_rest(denied_changed ? REST_DENIED_MS : REST_MS);
    for (int i = 0; i < VISITORS && !model.failed[0]; i++) {
        if (visitors[i].fd < 0)
            continue;
        check_subscriptions(&visitors[i]);
        for (int c = 0; c < CHANNELS; c++)
            check_channel(&visitors[i], c);
    }
    for (int c = 0; c < CHANNELS && !model.failed[0]; c++)
        check_fetched(c);
    for (int k = 0; k < 3 && !model.failed[0]; k++)
        check_live((int)draw(CHANNELS));
}

#include "tickpub/publish/destination.h"

#include <stdlib.h>

#include "common/redis/redis_resp.h"

enum { EVENT_NAMES = 6 }; /* names of an event that routes can use */

static struct span keep_text(struct span s)
{
    return span_make(mem_str(s), s.len);
}

static struct span keep_bytes(const struct bytes *b)
{
    return keep_text(bytes_span(b));
}

static bool uses_only_symbol(const char *tmpl)
{
    for (const char *p = strchr(tmpl, '{'); p; p = strchr(p + 1, '{')) {
        if (!span_starts(span_str(p), "{symbol}"))
            return false;
    }
    return true;
}

static void read_routes(struct destinations *t,
                        const struct route_table *routes)
{
    t->routes = routes;
    for (unsigned i = 0; i < EVENT_TYPES; i++) {
        const struct route *r = route_of(routes, (enum event_type)i);

        t->by_symbol[i] =
            uses_only_symbol(r->channel) && uses_only_symbol(r->channel2) &&
            uses_only_symbol(r->key) && uses_only_symbol(r->stream);
    }
}

static struct stream *
make_shard_names(const struct destination_options *options)
{
    struct stream *shards = mem_zero(options->shards * sizeof *shards);
    struct bytes text;

    bytes_init(&text);
    for (unsigned i = 0; i < options->shards; i++) {
        bytes_clear(&text);
        bytes_add_span(&text, options->prefix);
        bytes_printf(&text, "journal:%u", i);
        shards[i].name.text = keep_bytes(&text);
        shards[i].waiting.key = shards[i].name.text;
        shards[i].waiting.joins = true;
    }
    bytes_close(&text);
    return shards;
}

static bool is_called(const struct node *n, struct span text)
{
    return span_eq(((const struct name *)(const void *)n)->text, text);
}

void destinations_init(struct destinations *t,
                       const struct destination_options *options,
                       const struct route_table *routes)
{
    *t = (struct destinations){.options = *options};
    t->options.prefix = keep_text(options->prefix);
    t->shards = make_shard_names(options);
    for (unsigned i = 0; i < EVENT_TYPES; i++)
        table_init(&t->found[i], is_called);
    table_init(&t->channels, is_called);
    table_init(&t->keys, is_called);
    table_init(&t->streams, is_called);
    read_routes(t, routes);
}

static void free_text(struct span s)
{
    free((void *)(uintptr_t)s.ptr);
}

static void free_named(void *unused, struct node *n)
{
    struct name *name = (void *)n;

    (void)unused;
    free_text(name->text);
    free(name);
}

static void free_channel(void *unused, struct node *n)
{
    struct channel *ch = (void *)n;

    while (ch->fields) {
        struct field *f = ch->fields;

        ch->fields = f->next;
        bytes_close(&f->sent);
        free(f);
    }
    free_text(ch->head);
    free_text(ch->last);
    free_named(unused, n);
}

static void free_key(void *unused, struct node *n)
{
    struct key *k = (void *)n;

    free_text(k->symbol);
    bytes_close(&k->sent);
    free_named(unused, n);
}

static void free_all(struct table *t, void (*fn)(void *unused, struct node *n))
{
    table_each(t, fn, NULL);
    table_close(t);
}

void destinations_close(struct destinations *t)
{
    for (unsigned i = 0; i < EVENT_TYPES; i++)
        free_all(&t->found[i], free_named);
    free_all(&t->channels, free_channel);
    free_all(&t->keys, free_key);
    free_all(&t->streams, free_named);
    for (unsigned i = 0; t->shards && i < t->options.shards; i++)
        free_text(t->shards[i].name.text);
    free(t->shards);
    free_text(t->options.prefix);
    bytes_close(&t->scratch);
    *t = (struct destinations){0};
}

void destinations_reroute(struct destinations *t,
                          const struct route_table *routes)
{
    bool was[EVENT_TYPES];

    memcpy(was, t->by_symbol, sizeof was);
    read_routes(t, routes);
    t->generation++;
    /* Destinations are found by the names that their routes use. */
    for (unsigned i = 0; i < EVENT_TYPES; i++) {
        if (was[i] != t->by_symbol[i])
            t->by_symbol[i] = false;
    }
}

static struct channel *make_channel(struct destinations *t, struct span name)
{
    struct span prefix = t->options.prefix;
    struct channel *ch = mem_zero(sizeof *ch);
    struct bytes text;

    bytes_init(&text);
    resp_array(&text, 3);
    resp_bulk_str(&text, "PUBLISH");
    resp_bulk(&text, name.ptr, name.len);
    ch->head = keep_bytes(&text);
    bytes_clear(&text);
    bytes_add_span(&text, prefix);
    bytes_add_str(&text, "last:");
    bytes_add(&text, name.ptr + prefix.len, name.len - prefix.len);
    ch->last = keep_bytes(&text);
    bytes_close(&text);
    return ch;
}

static void keep(struct table *t, struct name *n, struct span text)
{
    n->text = keep_text(text);
    table_add(t, &n->node, n->text);
}

/* Template -> name in scratch; false where the event lacks a name of it. */
static bool expand(struct destinations *t, const char *tmpl,
                   const struct event *ev)
{
    bytes_clear(&t->scratch);
    return route_expand(tmpl, t->options.prefix, ev, &t->scratch);
}

static struct channel *channel_of(struct destinations *t, const char *tmpl,
                                  const struct event *ev)
{
    struct span name;
    struct channel *ch;

    if (!expand(t, tmpl, ev))
        return NULL;
    name = bytes_span(&t->scratch);
    ch = (void *)table_find(&t->channels, name);
    if (!ch) {
        ch = make_channel(t, name);
        keep(&t->channels, &ch->name, name);
    }
    return ch;
}

static struct field *field_of(struct channel *ch, enum event_type type)
{
    struct field *f;

    if (!ch)
        return NULL;
    for (f = ch->fields; f; f = f->next) {
        if (f->type == type)
            return f;
    }
    f = mem_zero(sizeof *f);
    f->type = type;
    f->next = ch->fields;
    ch->fields = f;
    return f;
}

static struct key *key_of(struct destinations *t, const struct route *r,
                          const struct event *ev)
{
    struct span name;
    struct key *k;

    if (r->key_kind == ROUTE_KEY_NONE || !expand(t, r->key, ev))
        return NULL;
    name = bytes_span(&t->scratch);
    k = (void *)table_find(&t->keys, name);
    if (!k) {
        k = mem_zero(sizeof *k);
        k->symbol = keep_text(ev->symbol);
        keep(&t->keys, &k->name, name);
    }
    k->kind = r->key_kind;
    k->keep = r->key_keep;
    k->ttl_ms = r->key_ttl_ms;
    k->is_price = ev->type == EVENT_TICK || ev->type == EVENT_TRADE;
    if (k->is_price && t->options.price_ttl_ms > 0)
        k->ttl_ms = t->options.price_ttl_ms;
    return k;
}

static struct stream *stream_of(struct destinations *t, const char *tmpl,
                                const struct event *ev)
{
    struct span name;
    struct stream *s;

    if (!expand(t, tmpl, ev))
        return NULL;
    name = bytes_span(&t->scratch);
    s = (void *)table_find(&t->streams, name);
    if (!s) {
        s = mem_zero(sizeof *s);
        keep(&t->streams, &s->name, name);
        s->waiting.key = s->name.text;
    }
    return s;
}

static void resolve(struct destinations *t, struct destination *dest,
                    const struct event *ev)
{
    const struct route *r = route_of(t->routes, ev->type);

    dest->generation = t->generation;
    dest->channel[0] = channel_of(t, r->channel, ev);
    dest->channel[1] = channel_of(t, r->channel2, ev);
    if (!dest->channel[0]) {
        dest->channel[0] = dest->channel[1];
        dest->channel[1] = NULL;
    }
    dest->bare = r->bare;
    for (int i = 0; i < 2; i++)
        dest->field[i] = r->bare ? NULL : field_of(dest->channel[i], ev->type);
    dest->key = key_of(t, r, ev);
    dest->stream = stream_of(t, r->stream, ev);
    dest->shard_number = route_shard(ev->symbol, t->options.shards);
    dest->shard = r->journal ? &t->shards[dest->shard_number] : NULL;
}

/* All names of an event in one; a line feed is part of none of them. */
static struct span joined_names(struct destinations *t, const struct event *ev)
{
    const struct span *parts[EVENT_NAMES] = {
        &ev->symbol, &ev->account_id, &ev->user_id,
        &ev->expiry, &ev->resolution, &ev->exchange_event};

    bytes_clear(&t->scratch);
    for (int i = 0; i < EVENT_NAMES; i++) {
        bytes_add_span(&t->scratch, *parts[i]);
        bytes_add(&t->scratch, "\n", 1);
    }
    return bytes_span(&t->scratch);
}

struct destination *destination_of(struct destinations *t,
                                   const struct event *ev)
{
    struct table *found = &t->found[ev->type];
    struct span name =
        t->by_symbol[ev->type] ? ev->symbol : joined_names(t, ev);
    struct destination *dest = (void *)table_find(found, name);

    if (!dest) {
        if (t->count >= t->options.max_destinations)
            return NULL;
        t->count++;
        dest = mem_zero(sizeof *dest);
        keep(found, &dest->name, name);
        resolve(t, dest, ev);
    } else if (dest->generation != t->generation) {
        resolve(t, dest, ev);
    }
    return dest;
}

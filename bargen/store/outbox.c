#include "bargen/store/outbox.h"

#include <stdlib.h>

#include "common/redis/redis_resp.h"

enum { LAST_TTL_S = 24 * 3600 };

void outbox_init(struct outbox *o, const struct outbox_options *options)
{
    *o = (struct outbox){.options = *options};
    bytes_init(&o->run);
    bytes_init(&o->message);
    bytes_init(&o->name);
}

void outbox_close(struct outbox *o)
{
    bytes_close(&o->run);
    bytes_close(&o->message);
    bytes_close(&o->name);
    free(o->notes);
    free(o->told);
    free(o->sent);
    *o = (struct outbox){0};
}

static void command(struct outbox *o, unsigned argc, const char *name)
{
    resp_array(&o->run, argc);
    resp_bulk_str(&o->run, name);
    o->commands++;
}

/* prefix, `before` and the template of the route, as one argument. */
static void add_name(struct outbox *o, const char *before, const char *tmpl,
                     const struct symbol *sym, const struct resolution *r)
{
    o->ev.symbol = sym->name;
    o->ev.resolution = span_str(r->name);
    bytes_clear(&o->name);
    bytes_add_span(&o->name, o->options.prefix);
    bytes_add_str(&o->name, before);
    route_expand(tmpl, span_str(""), &o->ev, &o->name);
    resp_bulk(&o->run, o->name.ptr, o->name.len);
}

static struct outbox_note *note_of(struct outbox *o, struct symbol *sym,
                                   unsigned index, const struct resolution *r)
{
    struct series *s = &sym->series[index];

    if (s->slot == 0) {
        if (o->n_notes == o->cap_notes) {
            o->cap_notes = o->cap_notes ? o->cap_notes * 2 : 64;
            o->notes = mem_grow(o->notes, o->cap_notes * sizeof *o->notes);
        }
        o->notes[o->n_notes++] = (struct outbox_note){s, sym, r, 0, 0, false};
        s->slot = o->n_notes;
    }
    return &o->notes[s->slot - 1];
}

static void add_history(struct outbox *o, const struct symbol *sym,
                        const struct resolution *r, const struct bar *bar)
{
    int64_t time_ms = bar->start_ns / NS_PER_MS;
    const char *key = o->options.route->key;

    command(o, 4, "ZREMRANGEBYSCORE");
    add_name(o, "", key, sym, r);
    resp_bulk_int(&o->run, time_ms);
    resp_bulk_int(&o->run, time_ms);
    command(o, 4, "ZADD");
    add_name(o, "", key, sym, r);
    resp_bulk_int(&o->run, time_ms);
    resp_bulk(&o->run, o->message.ptr, o->message.len);
}

static void note_told(struct outbox *o, struct series *s)
{
    if (o->n_told == o->cap_told) {
        o->cap_told = o->cap_told ? o->cap_told * 2 : 64;
        o->told = mem_grow(o->told, o->cap_told * sizeof *o->told);
    }
    o->told[o->n_told++] = (struct outbox_told){s, o->commands};
}

void outbox_bar(struct outbox *o, struct symbol *sym, unsigned index,
                const struct resolution *r, const struct bar *bar,
                enum bar_issue how)
{
    struct outbox_note *note = note_of(o, sym, index, r);

    bytes_clear(&o->message);
    message_bar(&o->message, sym->name, r, bar, how, o->options.source);
    if (how == BAR_FINAL) {
        add_history(o, sym, r, bar);
        note->final = true;
    }
    if (o->options.ask)
        note_told(o, note->series);
    command(o, 3, "PUBLISH");
    add_name(o, "", o->options.route->channel, sym, r);
    resp_bulk(&o->run, o->message.ptr, o->message.len);
    if (series_newest(note->series, bar, o->options.updates)) {
        /* Behind the text stands only its CRLF. */
        note->at = o->run.len - 2 - o->message.len;
        note->len = o->message.len;
    }
}

static void add_last(struct outbox *o, const struct outbox_note *note)
{
    const char *channel = o->options.route->channel;

    /* The run may move while it grows: the text is copied first. */
    bytes_clear(&o->message);
    bytes_add(&o->message, o->run.ptr + note->at, note->len);
    command(o, 4, "HSET");
    add_name(o, "last:", channel, note->symbol, note->resolution);
    resp_bulk_str(&o->run, "bar");
    resp_bulk(&o->run, o->message.ptr, o->message.len);
    command(o, 3, "EXPIRE");
    add_name(o, "last:", channel, note->symbol, note->resolution);
    resp_bulk_int(&o->run, LAST_TTL_S);
}

void outbox_latest(struct outbox *o)
{
    for (unsigned i = 0; i < o->n_notes; i++) {
        struct outbox_note *note = &o->notes[i];

        if (note->len > 0)
            add_last(o, note);
        if (note->final) {
            command(o, 4, "ZREMRANGEBYRANK");
            add_name(o, "", o->options.route->key, note->symbol,
                     note->resolution);
            resp_bulk_int(&o->run, 0);
            resp_bulk_int(&o->run, -o->options.history_max - 1);
        }
        note->series->slot = 0;
    }
    o->n_notes = 0;
}

void outbox_clear(struct outbox *o)
{
    struct outbox_told *told = o->sent;
    unsigned cap = o->cap_sent;

    o->sent = o->told;
    o->n_sent = o->n_told;
    o->cap_sent = o->cap_told;
    o->told = told;
    o->n_told = 0;
    o->cap_told = cap;
    bytes_clear(&o->run);
    o->commands = 0;
}

void outbox_answered(struct outbox *o, const struct redis_reply *reply,
                     size_t n)
{
    for (unsigned i = 0; i < o->n_sent; i++) {
        const struct outbox_told *told = &o->sent[i];

        if (told->command < n && reply[told->command].type == REDIS_INTEGER)
            told->series->unheard = reply[told->command].integer == 0;
    }
    o->n_sent = 0;
}

void outbox_forget(struct outbox *o)
{
    outbox_clear(o);
    o->n_notes = o->n_sent = 0;
}

#include "tickpub/publish/encoder.h"

#include <stdlib.h>
#include <string.h>

#include "tickpub/publish/encode.h"

enum {
    FIRST_CAP = 64,
    EXPIRE_EVERY_MS = 60 * 1000,  /* of 24 h: often enough */
    JOINED_MAX_BYTES = 64 * 1024, /* of one PUBLISH */
    CHUNK_BYTES = 64 * 1024,      /* stays in the processor's nearer caches */
};

void wire_close(struct wire *w)
{
    bytes_close(&w->run);
    bytes_close(&w->joined);
    free(w->channels);
    free(w->keys);
    free(w->groups);
    ledger_close(&w->ledger);
    *w = (struct wire){0};
}

void wire_clear(struct wire *w)
{
    bytes_clear(&w->run);
    w->before += w->commands;
    w->commands = 0;
}

/* Room for one more pointer. */
static void *grown(void *list, size_t n, size_t *cap)
{
    if (n < *cap)
        return list;
    *cap = *cap > 0 ? *cap * 2 : FIRST_CAP;
    return mem_grow(list, *cap * sizeof(void *));
}

static void queue_channel(struct wire *w, struct channel *ch)
{
    if (ch->dirty)
        return;
    ch->dirty = true;
    w->channels = grown(w->channels, w->n_channels, &w->cap_channels);
    w->channels[w->n_channels++] = ch;
}

static void queue_key(struct wire *w, struct key *k)
{
    if (k->dirty)
        return;
    k->dirty = true;
    w->keys = grown(w->keys, w->n_keys, &w->cap_keys);
    w->keys[w->n_keys++] = k;
}

void wire_touch_channel(struct wire *w, struct target *target, int i,
                        const struct batch *b, const struct record *r)
{
    struct channel *ch = target->channel[i];
    struct field *f = target->field[i];

    f->batch = b;
    f->off = r->off;
    f->len = r->len;
    queue_channel(w, ch);
}

void wire_touch_key(struct wire *w, struct target *target,
                    const struct event *ev, const struct batch *b,
                    const struct record *r)
{
    struct key *k = target->key;

    if (!k || k->kind != ROUTE_KEY_STRING)
        return;
    k->read_ms = r->read_ms;
    if (k->is_price) {
        k->price = price_of(ev);
    } else {
        k->batch = b;
        k->off = r->off;
        k->len = r->len;
    }
    queue_key(w, k);
}

void wire_forget(struct wire *w, const struct batch *b)
{
    for (size_t i = 0; i < w->n_channels; i++) {
        for (struct field *f = w->channels[i]->fields; f; f = f->next) {
            if (f->batch == b)
                f->batch = NULL;
        }
    }
    for (size_t i = 0; i < w->n_keys; i++) {
        if (w->keys[i]->batch == b)
            w->keys[i]->batch = NULL;
    }
}

void wire_again(struct wire *w, const struct targets *t, uint64_t from)
{
    for (size_t i = 0; t->channels.slots && i <= t->channels.mask; i++) {
        struct channel *ch = (void *)t->channels.slots[i];

        for (struct field *f = ch ? ch->fields : NULL; f; f = f->next) {
            if (f->number < from)
                continue;
            f->due = true;
            queue_channel(w, ch);
        }
    }
    for (size_t i = 0; t->keys.slots && i <= t->keys.mask; i++) {
        struct key *k = (void *)t->keys.slots[i];

        if (!k || k->number < from)
            continue;
        k->due = true;
        queue_key(w, k);
    }
}

static uint64_t next_number(const struct wire *w)
{
    return w->before + w->commands + 1;
}

/* A copy, as it may be needed when the batch is long gone. */
static void take(struct bytes *to, const struct batch *b, uint32_t off,
                 uint32_t len)
{
    bytes_clear(to);
    bytes_add(to, b->data.ptr + off, len);
}

static void latest_of_channel(struct wire *w, struct channel *ch,
                              uint64_t now_ms, unsigned link)
{
    uint64_t number = next_number(w);
    unsigned written;

    for (struct field *f = ch->fields; f; f = f->next) {
        if (!f->batch)
            continue;
        take(&f->sent, f->batch, f->off, f->len);
        f->batch = NULL;
        f->due = true;
    }
    written = encode_last(&w->run, ch);
    ch->dirty = false;
    if (written == 0)
        return;
    for (struct field *f = ch->fields; f; f = f->next) {
        if (f->due)
            f->number = number;
        f->due = false;
    }
    w->commands += written;
    if (ch->expire_link != link || now_ms - ch->expire_ms >= EXPIRE_EVERY_MS) {
        w->commands += encode_last_ttl(&w->run, ch);
        ch->expire_link = link;
        ch->expire_ms = now_ms;
    }
}

static void latest_of_key(struct wire *w, struct key *k, uint64_t now_ms)
{
    bool due = k->due || k->is_price || k->batch;
    uint64_t read_ms;
    int64_t ttl_ms;

    if (k->batch) {
        take(&k->sent, k->batch, k->off, k->len);
        k->sent_ms = k->read_ms;
        k->batch = NULL;
    }
    k->dirty = k->due = false;
    read_ms = k->is_price ? k->read_ms : k->sent_ms;
    ttl_ms = k->ttl_ms > 0 ? k->ttl_ms - (int64_t)(now_ms - read_ms) : 0;
    if (!due || (k->ttl_ms > 0 && ttl_ms <= 0))
        return; /* its lifetime was over before it could be written */
    k->number = next_number(w);
    if (k->is_price) {
        bytes_clear(&w->joined);
        price_json(&w->joined, k->symbol, &k->price);
    }
    w->commands +=
        encode_set(&w->run, k->name.text,
                   bytes_span(k->is_price ? &w->joined : &k->sent), ttl_ms);
}

void wire_latest(struct wire *w, uint64_t now_ms, unsigned link)
{
    unsigned had = w->commands;

    for (size_t i = 0; i < w->n_channels; i++)
        latest_of_channel(w, w->channels[i], now_ms, link);
    w->n_channels = 0;
    for (size_t i = 0; i < w->n_keys; i++)
        latest_of_key(w, w->keys[i], now_ms);
    w->n_keys = 0;
    ledger_add(&w->ledger, w->commands - had, 0);
}

/* Chain the record to the others of its channel; indices count from 1. */
static void add_to_group(struct wire *w, struct batch *b, uint32_t i)
{
    struct channel *ch = b->records[i].channel;

    b->records[i].next = 0;
    if (ch->first == 0) {
        ch->first = i + 1;
        w->groups = grown(w->groups, w->n_groups, &w->cap_groups);
        w->groups[w->n_groups++] = ch;
    } else {
        b->records[ch->final - 1].next = i + 1;
    }
    ch->final = i + 1;
}

static bool is_first(const struct record *r)
{
    return (r->what & RECORD_FIRST) != 0;
}

static void publish_joined(struct wire *w, const struct channel *ch,
                           uint64_t *events, struct wire_counts *counts)
{
    if (w->joined.len == 0)
        return;
    ledger_add(&w->ledger, 1, *events);
    *events = 0;
    w->commands += encode_publish(&w->run, ch, bytes_span(&w->joined));
    counts->messages++;
    bytes_clear(&w->joined);
}

static void publish_group(struct wire *w, struct batch *b, struct channel *ch,
                          struct wire_counts *counts)
{
    uint64_t events = 0;

    bytes_clear(&w->joined);
    for (uint32_t i = ch->first; i > 0; i = b->records[i - 1].next) {
        const struct record *r = &b->records[i - 1];

        if (w->joined.len + r->len >= JOINED_MAX_BYTES)
            publish_joined(w, ch, &events, counts);
        if (w->joined.len > 0)
            bytes_add(&w->joined, "\n", 1);
        bytes_add_span(&w->joined, batch_payload(b, r));
        counts->objects++;
        events += is_first(r);
    }
    publish_joined(w, ch, &events, counts);
    ch->first = ch->final = 0;
}

/* Lists and sorted sets keep every one, not only the newest. */
static void keep_record(struct wire *w, const struct batch *b,
                        const struct record *r)
{
    const struct key *k = r->target->key;
    unsigned had = w->commands;

    if (k->kind == ROUTE_KEY_LIST)
        w->commands += encode_list(&w->run, k, batch_payload(b, r));
    else if (k->kind == ROUTE_KEY_SORTED)
        w->commands +=
            encode_sorted(&w->run, k, r->time_ms, batch_payload(b, r));
    ledger_add(&w->ledger, w->commands - had, 0);
}

static void publish_record(struct wire *w, struct batch *b, uint32_t i,
                           bool joined, struct wire_counts *counts)
{
    const struct record *r = &b->records[i];

    if (joined) {
        add_to_group(w, b, i);
        return;
    }
    w->commands += encode_publish(&w->run, r->channel, batch_payload(b, r));
    ledger_add(&w->ledger, 1, is_first(r));
    counts->messages++;
    counts->objects++;
}

uint32_t wire_records(struct wire *w, struct batch *b, uint32_t from,
                      bool joined, uint64_t stale_before_ms,
                      struct wire_counts *counts)
{
    uint64_t silent = 0;
    uint32_t i;

    w->n_groups = 0;
    for (i = from; i < b->count && w->run.len < CHUNK_BYTES; i++) {
        const struct record *r = &b->records[i];

        if (is_first(r) && r->target->key)
            keep_record(w, b, r);
        if (!r->channel)
            silent += is_first(r);
        else if (r->read_ms < stale_before_ms)
            counts->stale += is_first(r);
        else
            publish_record(w, b, i, joined, counts);
    }
    for (size_t k = 0; k < w->n_groups; k++)
        publish_group(w, b, w->groups[k], counts);
    if (silent > 0 && !ledger_add_to_last(&w->ledger, silent))
        counts->silent += silent;
    return i;
}

#include "tickpub/publish/encoder.h"

#include <stdlib.h>

#include "tickpub/publish/command.h"

enum {
    FIRST_CAP = 64,
    EXPIRE_EVERY_MS = 60 * 1000,  /* of 24 h: often enough */
    JOINED_MAX_BYTES = 64 * 1024, /* of one PUBLISH */
    CHUNK_BYTES = 64 * 1024,      /* stays in the processor's nearer caches */
};

void encoder_close(struct encoder *e)
{
    bytes_close(&e->run);
    bytes_close(&e->joined);
    free(e->channels);
    free(e->keys);
    free(e->groups);
    ack_ledger_close(&e->ledger);
    *e = (struct encoder){0};
}

void encoder_clear(struct encoder *e)
{
    bytes_clear(&e->run);
    e->before += e->commands;
    e->commands = 0;
}

/* Room for one more pointer. */
static void *grown(void *list, size_t n, size_t *cap)
{
    if (n < *cap)
        return list;
    *cap = *cap > 0 ? *cap * 2 : FIRST_CAP;
    return mem_grow(list, *cap * sizeof(void *));
}

static void queue_channel(struct encoder *e, struct channel *ch)
{
    if (ch->dirty)
        return;
    ch->dirty = true;
    e->channels = grown(e->channels, e->n_channels, &e->cap_channels);
    e->channels[e->n_channels++] = ch;
}

static void queue_key(struct encoder *e, struct key *k)
{
    if (k->dirty)
        return;
    k->dirty = true;
    e->keys = grown(e->keys, e->n_keys, &e->cap_keys);
    e->keys[e->n_keys++] = k;
}

void encoder_touch_channel(struct encoder *e, struct destination *dest, int i,
                           const struct batch *b, const struct record *r)
{
    struct channel *ch = dest->channel[i];
    struct field *f = dest->field[i];

    f->batch = b;
    f->off = r->off;
    f->len = r->len;
    queue_channel(e, ch);
}

void encoder_touch_key(struct encoder *e, struct destination *dest,
                       const struct event *ev, const struct batch *b,
                       const struct record *r)
{
    struct key *k = dest->key;

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
    queue_key(e, k);
}

void encoder_forget(struct encoder *e, const struct batch *b)
{
    for (size_t i = 0; i < e->n_channels; i++) {
        for (struct field *f = e->channels[i]->fields; f; f = f->next) {
            if (f->batch == b)
                f->batch = NULL;
        }
    }
    for (size_t i = 0; i < e->n_keys; i++) {
        if (e->keys[i]->batch == b)
            e->keys[i]->batch = NULL;
    }
}

struct again {
    struct encoder *encoder;
    uint64_t from;
};

static void channel_again(void *arg, struct node *n)
{
    struct again *again = arg;
    struct channel *ch = (void *)n;

    for (struct field *f = ch->fields; f; f = f->next) {
        if (f->number < again->from)
            continue;
        f->due = true;
        queue_channel(again->encoder, ch);
    }
}

static void key_again(void *arg, struct node *n)
{
    struct again *again = arg;
    struct key *k = (void *)n;

    if (k->number < again->from)
        return;
    k->due = true;
    queue_key(again->encoder, k);
}

void encoder_again(struct encoder *e, const struct destinations *t,
                   uint64_t from)
{
    struct again again = {e, from};

    table_each(&t->channels, channel_again, &again);
    table_each(&t->keys, key_again, &again);
}

static uint64_t next_number(const struct encoder *e)
{
    return e->before + e->commands + 1;
}

/* A copy, as it may be needed when the batch is long gone. */
static void take(struct bytes *to, const struct batch *b, uint32_t off,
                 uint32_t len)
{
    bytes_clear(to);
    bytes_add(to, b->data.ptr + off, len);
}

static void latest_of_channel(struct encoder *e, struct channel *ch,
                              uint64_t now_ms, unsigned link)
{
    uint64_t number = next_number(e);
    unsigned written;

    for (struct field *f = ch->fields; f; f = f->next) {
        if (!f->batch)
            continue;
        take(&f->sent, f->batch, f->off, f->len);
        f->batch = NULL;
        f->due = true;
    }
    written = command_last(&e->run, ch);
    ch->dirty = false;
    if (written == 0)
        return;
    for (struct field *f = ch->fields; f; f = f->next) {
        if (f->due)
            f->number = number;
        f->due = false;
    }
    e->commands += written;
    if (ch->expire_link != link || now_ms - ch->expire_ms >= EXPIRE_EVERY_MS) {
        e->commands += command_last_ttl(&e->run, ch);
        ch->expire_link = link;
        ch->expire_ms = now_ms;
    }
}

static void latest_of_key(struct encoder *e, struct key *k, uint64_t now_ms)
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
    k->number = next_number(e);
    if (k->is_price) {
        bytes_clear(&e->joined);
        price_json(&e->joined, k->symbol, &k->price);
    }
    e->commands +=
        command_set(&e->run, k->name.text,
                    bytes_span(k->is_price ? &e->joined : &k->sent), ttl_ms);
}

void encoder_latest(struct encoder *e, uint64_t now_ms, unsigned link)
{
    unsigned had = e->commands;

    for (size_t i = 0; i < e->n_channels; i++)
        latest_of_channel(e, e->channels[i], now_ms, link);
    e->n_channels = 0;
    for (size_t i = 0; i < e->n_keys; i++)
        latest_of_key(e, e->keys[i], now_ms);
    e->n_keys = 0;
    ack_ledger_add(&e->ledger, e->commands - had, 0);
}

/* Chain the record to the others of its channel; indices count from 1. */
static void add_to_group(struct encoder *e, struct batch *b, uint32_t i)
{
    struct channel *ch = b->records[i].channel;

    b->records[i].next = 0;
    if (ch->first == 0) {
        ch->first = i + 1;
        e->groups = grown(e->groups, e->n_groups, &e->cap_groups);
        e->groups[e->n_groups++] = ch;
    } else {
        b->records[ch->final - 1].next = i + 1;
    }
    ch->final = i + 1;
}

static bool is_first(const struct record *r)
{
    return (r->what & RECORD_FIRST) != 0;
}

static void publish_joined(struct encoder *e, const struct channel *ch,
                           uint64_t *events, struct encoder_counts *counts)
{
    if (e->joined.len == 0)
        return;
    ack_ledger_add(&e->ledger, 1, *events);
    *events = 0;
    e->commands += command_publish(&e->run, ch, bytes_span(&e->joined));
    counts->messages++;
    bytes_clear(&e->joined);
}

static void publish_group(struct encoder *e, struct batch *b,
                          struct channel *ch, struct encoder_counts *counts)
{
    uint64_t events = 0;

    bytes_clear(&e->joined);
    for (uint32_t i = ch->first; i > 0; i = b->records[i - 1].next) {
        const struct record *r = &b->records[i - 1];

        if (e->joined.len + r->len >= JOINED_MAX_BYTES)
            publish_joined(e, ch, &events, counts);
        if (e->joined.len > 0)
            bytes_add(&e->joined, "\n", 1);
        bytes_add_span(&e->joined, batch_payload(b, r));
        counts->objects++;
        events += is_first(r);
    }
    publish_joined(e, ch, &events, counts);
    ch->first = ch->final = 0;
}

static void publish_groups(struct encoder *e, struct batch *b, bool bare,
                           struct encoder_counts *counts)
{
    for (size_t k = 0; k < e->n_groups; k++) {
        struct channel *ch = e->groups[k];

        if (ch->first > 0 && b->records[ch->first - 1].dest->bare == bare)
            publish_group(e, b, ch, counts);
    }
}

/* Lists and sorted sets keep every one, not only the newest. */
static void keep_record(struct encoder *e, const struct batch *b,
                        const struct record *r)
{
    const struct key *k = r->dest->key;
    unsigned had = e->commands;

    if (k->kind == ROUTE_KEY_LIST)
        e->commands += command_list(&e->run, k, batch_payload(b, r));
    else if (k->kind == ROUTE_KEY_SORTED)
        e->commands +=
            command_sorted(&e->run, k, r->time_ms, batch_payload(b, r));
    ack_ledger_add(&e->ledger, e->commands - had, 0);
}

static void publish_record(struct encoder *e, struct batch *b, uint32_t i,
                           bool joined, struct encoder_counts *counts)
{
    const struct record *r = &b->records[i];

    if (joined) {
        add_to_group(e, b, i);
        return;
    }
    e->commands += command_publish(&e->run, r->channel, batch_payload(b, r));
    ack_ledger_add(&e->ledger, 1, is_first(r));
    counts->messages++;
    counts->objects++;
}

uint32_t encoder_records(struct encoder *e, struct batch *b, uint32_t from,
                         bool joined, uint64_t stale_before_ms,
                         struct encoder_counts *counts)
{
    uint64_t silent = 0;
    uint32_t i;

    e->n_groups = 0;
    for (i = from; i < b->count && e->run.len < CHUNK_BYTES; i++) {
        const struct record *r = &b->records[i];

        if (is_first(r) && r->dest->key)
            keep_record(e, b, r);
        if (!r->channel)
            silent += is_first(r);
        else if (r->read_ms < stale_before_ms)
            counts->stale += is_first(r);
        else
            publish_record(e, b, i, joined, counts);
    }
    /* What is missing from other channels is told before them. */
    publish_groups(e, b, true, counts);
    publish_groups(e, b, false, counts);
    if (silent > 0 && !ack_ledger_add_to_last(&e->ledger, silent))
        counts->silent += silent;
    return i;
}

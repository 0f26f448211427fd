#include "tickpub/publish/journal.h"

#include <assert.h>
#include <stdlib.h>

/* Enough for two batches of 16 shards; a spare that was once big is freed. */
enum { SPARES_MAX = 64, SPARE_BYTES_MAX = 64 * 1024 };

static void free_entry(struct journal_entry *e)
{
    bytes_close(&e->run);
    free(e);
}

static void free_list(struct journal_entry *e)
{
    while (e) {
        struct journal_entry *next = e->next;

        free_entry(e);
        e = next;
    }
}

void journal_close(struct journal *j)
{
    free_list(j->head);
    free_list(j->spare);
    *j = (struct journal){0};
}

static struct journal_entry *take_spare(struct journal *j)
{
    struct journal_entry *e = j->spare;
    struct bytes run;

    if (!e)
        return mem_zero(sizeof *e);
    j->spare = e->next;
    j->spares--;
    run = e->run;
    bytes_clear(&run);
    *e = (struct journal_entry){.run = run};
    return e;
}

/* Each stream is listed once. */
static void list(struct journal *j, struct journal_stream *s)
{
    if (s->listed)
        return;
    s->listed = true;
    s->next = NULL;
    if (j->due_last)
        j->due_last->next = s;
    else
        j->due = s;
    j->due_last = s;
}

static void unlist_first(struct journal *j)
{
    struct journal_stream *s = j->due;

    j->due = s->next;
    if (!j->due)
        j->due_last = NULL;
    s->listed = false;
}

struct journal_entry *journal_add(struct journal *j, struct journal_stream *s,
                                  void *owner)
{
    struct journal_entry *e = take_spare(j);

    e->stream = s;
    e->owner = owner;
    e->prev = j->tail;
    if (j->tail)
        j->tail->next = e;
    else
        j->head = e;
    j->tail = e;
    if (s->last)
        s->last->after = e;
    else
        s->first = e;
    s->last = e;
    if (!s->in_flight)
        list(j, s);
    j->unsent++;
    j->bytes += sizeof *e;
    return e;
}

struct journal_entry *journal_open(struct journal *j, struct journal_stream *s,
                                   void *owner)
{
    struct journal_entry *e = s->last;

    if (e && s->joins && !e->tried && e->run.len < j->join_max_bytes)
        return e;
    return journal_add(j, s, owner);
}

void journal_append(struct journal *j, struct journal_entry *e,
                    struct span payload)
{
    size_t before = e->run.len;

    assert(!e->in_flight);
    if (e->run.len > 0)
        bytes_add(&e->run, "\n", 1);
    bytes_add_span(&e->run, payload);
    e->events++;
    j->events++;
    j->bytes += e->run.len - before;
}

void journal_sent(struct journal *j, struct journal_entry *e)
{
    assert(!e->in_flight && !e->stream->in_flight && j->unsent > 0);
    assert(e == e->stream->first);
    e->in_flight = e->tried = true;
    e->stream->in_flight = true;
    j->unsent--;
}

void journal_returned(struct journal *j, struct journal_entry *e)
{
    assert(e->in_flight);
    e->in_flight = e->stream->in_flight = false;
    list(j, e->stream);
    j->unsent++;
}

/* It is the first of its stream, or the second behind one in flight. */
static void leave_stream(struct journal *j, struct journal_entry *e)
{
    struct journal_stream *s = e->stream;
    struct journal_entry *before = NULL;

    if (s->first == e) {
        s->first = e->after;
    } else {
        for (before = s->first; before->after != e; before = before->after) {
        }
        before->after = e->after;
    }
    if (s->last == e)
        s->last = before;
    if (!e->in_flight)
        return;
    s->in_flight = false;
    if (s->first)
        list(j, s);
}

void journal_remove(struct journal *j, struct journal_entry *e)
{
    leave_stream(j, e);
    if (e->prev)
        e->prev->next = e->next;
    else
        j->head = e->next;
    if (e->next)
        e->next->prev = e->prev;
    else
        j->tail = e->prev;
    if (!e->in_flight)
        j->unsent--;
    j->bytes -= sizeof *e + e->run.len;
    j->events -= e->events;
    if (j->spares >= SPARES_MAX || e->run.cap > SPARE_BYTES_MAX) {
        free_entry(e);
        return;
    }
    e->prev = NULL;
    e->next = j->spare;
    j->spare = e;
    j->spares++;
}

struct journal_entry *journal_due(struct journal *j)
{
    while (j->due) {
        struct journal_stream *s = j->due;

        if (s->first && !s->in_flight)
            return s->first;
        unlist_first(j); /* its entries were dropped, or it was sent */
    }
    return NULL;
}

struct journal_entry *journal_oldest_unsent(const struct journal *j)
{
    struct journal_entry *e;

    if (j->unsent == 0)
        return NULL;
    for (e = j->head; e && e->in_flight; e = e->next) {
    }
    assert(e);
    return e;
}

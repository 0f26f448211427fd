#include "wsgate/fanout/conflation.h"

#include <stdlib.h>

#include "common/base/bytes.h"
#include "wsgate/fanout/hearing.h"

static void add(struct pending_frames *out, uint64_t number, struct span frame,
                bool all)
{
    if (out->count == out->cap) {
        out->cap = out->cap == 0 ? 256 : out->cap * 2;
        out->at = mem_grow(out->at, out->cap * sizeof *out->at);
    }
    out->at[out->count++] = (struct pending_frame){.number = number,
                                                   .ptr = frame.ptr,
                                                   .len = (uint32_t)frame.len,
                                                   .all = all};
}

/* --- marks --- */

static void grow_marks(struct fanout *f)
{
    if (f->n_marks >= f->n_streams)
        return;
    f->marks = mem_grow(f->marks, f->n_streams * sizeof *f->marks);
    for (; f->n_marks < f->n_streams; f->n_marks++)
        f->marks[f->n_marks].stamp = 0;
}

void conflation_mark(struct fanout *f, struct keys keys,
                     const struct backlog *backlog)
{
    grow_marks(f);
    if (++f->stamp == 0) { /* stamps start again: forget the old ones */
        for (uint32_t i = 0; i < f->n_marks; i++)
            f->marks[i].stamp = 0;
        f->stamp = 1;
    }
    f->marked = keys;
    f->marked_backlog = backlog;
}

static void mark_heard(struct fanout *f, const struct hearing *h)
{
    f->marks[h->stream->id] = (struct mark){
        .stamp = f->stamp,
        .heard = true,
        .all = h->all,
        .key = h->key,
        .from = start_seq_of(f->marked_backlog, h),
    };
}

/* Of the streams of one root one is heard at most: that is found out once, and
 * noted with the root.  There are as many as there are intervals. */
static void mark_root(struct fanout *f, const struct stream *root)
{
    struct hearing h = hearing_of(f, f->marked, root);

    /* Streams that nobody uses may have gone in that, and others come. */
    grow_marks(f);
    f->marks[root->id] = (struct mark){.stamp = f->stamp};
    if (h.stream)
        mark_heard(f, &h);
}

static bool is_marked(const struct fanout *f, uint32_t id)
{
    return id < f->n_marks && f->marks[id].stamp == f->stamp;
}

struct mark *conflation_mark_of(struct fanout *f, uint32_t id)
{
    const struct stream *s;

    if (is_marked(f, id))
        return &f->marks[id];
    s = f->streams[id];
    if (!s)
        return NULL;
    if (!is_marked(f, s->root->id))
        mark_root(f, s->root);
    if (!is_marked(f, id)) { /* another one is heard, or none */
        grow_marks(f);
        f->marks[id] = (struct mark){.stamp = f->stamp};
    }
    return &f->marks[id];
}

/* --- streams --- */

static void note(struct fanout *f, uint32_t id)
{
    struct recent *r = &f->recent;
    struct mark *m = conflation_mark_of(f, id);

    if (!m || !m->heard || m->noted)
        return;
    m->noted = true;
    if (r->n == r->cap) {
        r->cap = r->cap == 0 ? 256 : r->cap * 2;
        r->at = mem_grow(r->at, r->cap * sizeof *r->at);
    }
    r->at[r->n++] =
        (struct hearing){.stream = f->streams[id],
                         .key = m->key,
                         .subscription = key_subscription(f->marked.at[m->key]),
                         .all = m->all};
}

static bool has_pattern(struct keys keys)
{
    return keys.n > 0 &&
           (key_subscription(keys.at[keys.n - 1]) & SUBSCRIPTION_PATTERN) != 0;
}

/* Streams that frames from `next` on were evicted from.  Their ids first: to mark
 * them may change the list. */
static void note_evicted(struct fanout *f, uint64_t next)
{
    struct ids *ids = &f->evicted_ids;

    ids->n = 0;
    for (const struct stream *s = f->evicted; s && s->evicted >= next;
         s = s->older) {
        if (ids->n == ids->cap) {
            ids->cap = ids->cap == 0 ? 256 : ids->cap * 2;
            ids->at = mem_grow(ids->at, ids->cap * sizeof *ids->at);
        }
        ids->at[ids->n++] = s->id;
    }
    for (uint32_t i = 0; i < ids->n; i++)
        note(f, ids->at[i]);
}

/* Streams that have frames from `next` on; where that is less to look at, those
 * of whole sections. */
static void note_logged(struct fanout *f, uint64_t next)
{
    uint64_t from = next < f->log.tail ? f->log.tail : next;
    uint64_t entry = logged_from(&f->logged, from);

    if (f->logged.head - entry < f->log.head - from) {
        for (; entry < f->logged.head; entry++)
            note(f, logged_stream(&f->logged, entry));
        return;
    }
    for (; from < f->log.head; from++)
        note(f, framelog_at(&f->log, from)->stream);
}

void conflation_recent(struct fanout *f, struct keys keys,
                       const struct backlog *backlog, uint64_t next)
{
    conflation_mark(f, keys, backlog);
    f->recent.n = 0;
    if (!has_pattern(keys)) {
        for (uint32_t i = 0; i < keys.n; i++)
            note(f, key_subscription(keys.at[i]));
        return;
    }
    note_evicted(f, next);
    note_logged(f, next);
}

/* --- frames --- */

/* Those of the streams that are marked, or of those of them that are `all`. */
static void walk(struct fanout *f, uint64_t from, bool all_only,
                 struct pending_frames *out)
{
    if (from < f->log.tail)
        from = f->log.tail;
    for (uint64_t n = from; n < f->log.head; n++) {
        const struct frame *fr = framelog_at(&f->log, n);
        const struct mark *m = conflation_mark_of(f, fr->stream);

        if (m && m->heard && n >= m->from && (m->all || !all_only))
            add(out, n, span_make(framelog_bytes(&f->log, fr), fr->len),
                m->all);
    }
}

void conflation_everything(struct fanout *f, const struct group *g,
                           const struct backlog *backlog, uint64_t from,
                           struct pending_frames *out)
{
    out->count = 0;
    conflation_mark(f, group_keys(g), backlog);
    walk(f, from, false, out);
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = ((const struct pending_frame *)a)->number,
             y = ((const struct pending_frame *)b)->number;

    return (x > y) - (x < y);
}

bool conflation_newest(struct fanout *f, const struct group *g,
                       const struct backlog *backlog,
                       struct pending_frames *out)
{
    bool any_all = false;

    out->count = 0;
    conflation_recent(f, group_keys(g), backlog, backlog->next);
    for (uint32_t i = 0; i < f->recent.n; i++) {
        const struct hearing *h = &f->recent.at[i];
        const struct stream *s = h->stream;
        uint64_t from = start_seq_of(backlog, h);

        if (from < backlog->next)
            from = backlog->next;
        if (h->all) {
            any_all = true;
            if (s->evicted >= from)
                return false;
            continue;
        }
        for (const struct conflation_key *k = stream_first(s, from); k;
             k = stream_next(s, k)) {
            struct span frame = stream_frame(k, &f->log);
            if (frame.len > 0)
                add(out, k->frame, frame, false);
        }
    }
    if (any_all)
        walk(f, backlog->next, true, out);
    if (out->count > 1)
        qsort(out->at, out->count, sizeof *out->at, by_number);
    return true;
}

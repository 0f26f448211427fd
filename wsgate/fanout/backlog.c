#include "wsgate/fanout/backlog.h"

#include <errno.h>
#include <stdlib.h>

#include "wsgate/fanout/bar_order.h"
#include "wsgate/fanout/conflation.h"

enum { BATCH_IOV = 256 };

struct backlog *backlog_new(struct fanout *f, struct member *m)
{
    struct backlog *backlog = mem_zero(sizeof *backlog);
    struct group *g = m->group;

    bytes_init(&backlog->out);
    backlog->next = f->log.head;
    if (g) {
        if (g->turn_frames > 0)
            backlog->next = g->turn_first; /* collected, not yet sent */
        backlog->frames = g->frames;
        backlog->bytes = g->bytes;
        backlog->all_bytes = g->all_bytes;
        members_remove(&g->fast, m);
        members_add(&g->slow, m);
    }
    m->backlog = backlog;
    return backlog;
}

void backlog_free(struct backlog *backlog)
{
    if (!backlog)
        return;
    buf_unref(backlog->cut);
    bytes_close(&backlog->out);
    free(backlog->start_seqs);
    free(backlog);
}

void backlog_end(struct member *m)
{
    struct group *g = m->group;

    if (g) {
        members_remove(&g->slow, m);
        members_add(&g->fast, m);
    }
    backlog_free(m->backlog);
    m->backlog = NULL;
}

uint64_t backlog_owed(const struct member *m)
{
    return !m->backlog || !m->group ? 0 : m->group->frames - m->backlog->frames;
}

uint64_t backlog_owed_bytes(const struct member *m)
{
    return !m->backlog || !m->group ? 0 : m->group->bytes - m->backlog->bytes;
}

uint64_t backlog_owed_all_bytes(const struct member *m)
{
    uint64_t owed;

    if (!m->backlog || !m->group)
        return 0;
    /* The backlog's total is below zero where the group is younger than it. */
    owed = m->group->all_bytes - m->backlog->all_bytes;
    return owed > INT64_MAX ? 0 : owed;
}

bool backlog_is_too_long(const struct fanout *f, const struct member *m)
{
    return backlog_owed_all_bytes(m) > f->limits.backlog_all_bytes;
}

void backlog_add(struct member *m, struct span answer)
{
    bytes_add_span(&m->backlog->out, answer);
}

static bool has_all(const struct group *g)
{
    for (uint32_t i = 0; i < g->n_keys; i++) {
        if (key_all(g->keys[i]))
            return true;
    }
    return false;
}

/* Bytes of `all` streams that m will be sent as a member of g. */
static uint64_t count_all_bytes(struct fanout *f, const struct group *g,
                                const struct backlog *backlog)
{
    uint64_t bytes = 0;

    conflation_everything(f, g, backlog, backlog->next, &f->pending);
    for (size_t i = 0; i < f->pending.count; i++) {
        if (f->pending.at[i].all)
            bytes += f->pending.at[i].len;
    }
    return bytes;
}

void backlog_move(struct fanout *f, struct member *m, struct group *to)
{
    struct backlog *backlog = m->backlog;
    struct group *old = m->group;
    uint64_t owed = backlog_owed(m);

    f->firsts.member = NULL;
    if (!to || owed == 0) {
        f->counters.dropped_closed += owed;
        backlog->next = f->log.head;
        backlog->n_start_seqs = 0;
        backlog->conflating = false;
        backlog->is_lost = false;
        backlog->frames = !to ? 0 : to->frames;
        backlog->bytes = !to ? 0 : to->bytes;
        backlog->all_bytes = !to ? 0 : to->all_bytes;
        return;
    }
    if (!start_seq_move(f, backlog, old, to))
        backlog->is_lost = true;
    backlog->frames = to->frames - owed;
    backlog->bytes = to->bytes - (old->bytes - backlog->bytes);
    /* What was owed in one mode may be owed in the other now, or not at all. */
    backlog->all_bytes =
        to->all_bytes - (has_all(to) ? count_all_bytes(f, to, backlog) : 0);
}

/* A long frame that was cut is shared by all members that it was cut for. */
static struct buf *pin(struct fanout *f, const struct pending_frame *d)
{
    struct buf *found = NULL;
    uint32_t n = 0;

    for (uint32_t i = 0; i < f->n_pins; i++) {
        struct pin p = f->pins[i];
        if (p.number == d->number)
            found = p.buf;
        else if (p.buf->refs == 1) {
            buf_unref(p.buf);
            continue;
        }
        f->pins[n++] = p;
    }
    f->n_pins = n;
    if (found)
        return buf_ref(found);
    found = buf_new(d->ptr, d->len);
    if (!found)
        return NULL;
    f->pins = mem_grow(f->pins, (n + 1u) * sizeof *f->pins);
    f->pins[f->n_pins++] =
        (struct pin){.number = d->number, .buf = buf_ref(found)};
    return found;
}

/* `sent` bytes of the pending frames from `first` on have gone: the whole
 * frames among them are delivered, and a cut one must be finished before
 * anything else. */
static void account(struct fanout *f, struct member *m, size_t first,
                    size_t sent)
{
    struct backlog *backlog = m->backlog;

    for (size_t i = first; i < f->pending.count && sent > 0; i++) {
        const struct pending_frame *d = &f->pending.at[i];
        f->counters.delivered++;
        backlog->frames++;
        backlog->bytes += d->len;
        if (d->all)
            backlog->all_bytes += d->len;
        backlog->next = d->number + 1;
        if (sent >= d->len) {
            sent -= d->len;
            continue;
        }
        if (d->len - sent > BACKLOG_COPY_MAX &&
            (backlog->cut = pin(f, d)) != NULL)
            backlog->cut_at = (uint32_t)sent;
        else
            bytes_add(&backlog->out, d->ptr + sent, d->len - sent);
        break;
    }
}

void backlog_begin_turn(struct fanout *f, struct member *m, uint64_t sent)
{
    struct group *g = m->group;
    struct backlog *backlog = backlog_new(f, m);

    backlog->frames = g->frames - g->turn_frames;
    backlog->bytes = g->bytes - g->turn_bytes;
    backlog->all_bytes = g->all_bytes - g->turn_all_bytes;
    conflation_everything(f, g, NULL, g->turn_first, &f->pending);
    account(f, m, 0, sent);
    f->counters.stalls++;
}

/* The socket took nothing: for now, or for ever. */
static enum backlog_outcome refused(ssize_t sent, int *errnum)
{
    if (sent == -EAGAIN)
        return BACKLOG_WAITS;
    *errnum = (int)-sent;
    return BACKLOG_LOST;
}

/* What was sent goes when it is half of what lies there: to move the rest each
 * time would cost a square. */
static void out_drop(struct backlog *backlog, size_t n)
{
    backlog->out_sent += n;
    if (backlog->out_sent < backlog->out.len - backlog->out_sent)
        return;
    bytes_drop(&backlog->out, backlog->out_sent);
    backlog->out_sent = 0;
}

/* The cut frame and the answers. */
static enum backlog_outcome send_out(struct fanout *f, struct member *m,
                                     int *errnum)
{
    struct backlog *backlog = m->backlog;
    struct iovec iov[2];
    unsigned n = 0;
    size_t total = 0;
    ssize_t sent;
    size_t left;

    if (backlog->cut)
        iov[n++] =
            (struct iovec){.iov_base = backlog->cut->data + backlog->cut_at,
                           .iov_len = backlog->cut->len - backlog->cut_at};
    if (backlog->out.len > 0)
        iov[n++] =
            (struct iovec){.iov_base = backlog->out.ptr + backlog->out_sent,
                           .iov_len = backlog_unsent(backlog)};
    for (unsigned i = 0; i < n; i++)
        total += iov[i].iov_len;
    if (total == 0)
        return BACKLOG_DONE;
    sent = f->io->send(m, iov, n);
    f->counters.sends++;
    if (sent < 0)
        return refused(sent, errnum);
    f->counters.bytes += (uint64_t)sent;
    left = (size_t)sent;
    if (backlog->cut) {
        size_t of_cut = left < iov[0].iov_len ? left : iov[0].iov_len;
        backlog->cut_at += (uint32_t)of_cut;
        left -= of_cut;
        if (backlog->cut_at == backlog->cut->len)
            backlog->cut = buf_unref(backlog->cut);
    }
    out_drop(backlog, left);
    return (size_t)sent == total ? BACKLOG_DONE : BACKLOG_WAITS;
}

static enum backlog_outcome send_pending(struct fanout *f, struct member *m,
                                         int *errnum)
{
    size_t i = 0;

    while (i < f->pending.count) {
        size_t first = i, total = 0;
        unsigned n = 0;
        ssize_t sent;

        for (; i < f->pending.count && n < BATCH_IOV; i++) {
            const struct pending_frame *d = &f->pending.at[i];
            struct iovec *last = n > 0 ? &f->iov[n - 1] : NULL;
            if (last && (char *)last->iov_base + last->iov_len == d->ptr)
                last->iov_len += d->len;
            else
                f->iov[n++] = (struct iovec){
                    .iov_base = (void *)(uintptr_t)d->ptr, .iov_len = d->len};
            total += d->len;
        }
        sent = f->io->send(m, f->iov, n);
        f->counters.sends++;
        if (sent < 0)
            return refused(sent, errnum);
        f->counters.bytes += (uint64_t)sent;
        account(f, m, first, (size_t)sent);
        if ((size_t)sent != total)
            return BACKLOG_WAITS;
    }
    return BACKLOG_DONE;
}

bool backlog_is_conflating(const struct fanout *f, const struct member *m)
{
    const struct backlog *backlog = m->backlog;
    uint64_t all = backlog_owed_all_bytes(m);
    uint64_t owed = backlog_owed_bytes(m), latest = owed > all ? owed - all : 0;

    return backlog &&
           (backlog->conflating || latest > f->limits.backlog_bytes ||
            backlog->next < f->log.tail);
}

static enum backlog_outcome catch_up(struct fanout *f, struct member *m,
                                     int *errnum)
{
    struct backlog *backlog = m->backlog;
    struct group *g = m->group;

    if (backlog->is_lost)
        return BACKLOG_TOO_OLD;
    backlog->conflating = backlog_is_conflating(f, m);
    while (bar_order_take(f, m)) {
        enum backlog_outcome out = send_out(f, m, errnum);
        if (out != BACKLOG_DONE)
            return out;
    }
    if (!backlog->conflating) {
        conflation_everything(f, g, backlog, backlog->next, &f->pending);
    } else if (!conflation_newest(f, g, backlog, &f->pending)) {
        return BACKLOG_TOO_OLD;
    }
    return send_pending(f, m, errnum);
}

enum backlog_outcome backlog_send(struct fanout *f, struct member *m,
                                  int *errnum)
{
    enum backlog_outcome out = send_out(f, m, errnum);

    if (out == BACKLOG_DONE && m->backlog->held)
        return BACKLOG_WAITS;
    if (out != BACKLOG_DONE || backlog_owed(m) == 0)
        return out;
    return catch_up(f, m, errnum);
}

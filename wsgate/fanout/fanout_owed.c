/* What members are still to be sent. */
#include "wsgate/fanout/backlog.h"
#include "wsgate/fanout/conflation.h"
#include "wsgate/fanout/fanout.h"
#include "wsgate/fanout/hearing.h"

/* --- of one stream --- */

/* The oldest frame from there on that is the newest of its key. */
static uint64_t first_newest(const struct fanout *f, const struct stream *s,
                             uint64_t from)
{
    const struct conflation_key *k = stream_first(s, from);

    while (k && stream_frame(k, &f->log).len == 0)
        k = stream_next(s, k);
    return !k ? 0 : k->frame;
}

/*
 * The first frame in the log of each stream that m is owed, in the marks.  One
 * walk for all of them: a request asks for a thousand, and each may be at the
 * end of the log.
 */
static void find_firsts(struct fanout *f, const struct member *m)
{
    uint64_t next = m->backlog->next;

    if (f->firsts.member == m && f->firsts.head == f->log.head &&
        f->firsts.next == next && f->firsts.stamp == f->stamp)
        return;
    conflation_mark(f, group_keys(m->group), m->backlog);
    for (uint64_t n = next < f->log.tail ? f->log.tail : next; n < f->log.head;
         n++) {
        struct mark *mark =
            conflation_mark_of(f, framelog_at(&f->log, n)->stream);
        if (mark && mark->heard && mark->first == 0 && n >= mark->from)
            mark->first = n;
    }
    f->firsts.member = m;
    f->firsts.head = f->log.head;
    f->firsts.next = next;
    f->firsts.stamp = f->stamp;
}

uint64_t fanout_next(const struct fanout *f, const struct member *m)
{
    return backlog_owed(m) == 0 ? f->log.head : m->backlog->next;
}

uint64_t fanout_first_owed(struct fanout *f, const struct member *m,
                           const struct stream *s, bool *evicted)
{
    struct hearing h;
    uint64_t from, first;

    *evicted = false;
    if (!m->group || backlog_owed(m) == 0)
        return 0;
    h = hearing_of(f, group_keys(m->group), s);
    if (h.stream != s)
        return 0;
    from = start_seq_of(m->backlog, &h);
    if (from < m->backlog->next)
        from = m->backlog->next;
    first = first_newest(f, s, from);
    if (h.all && s->evicted >= from)
        first = s->evicted; /* m is let go when it comes to that */
    else if (first != 0 && (h.all || !backlog_is_conflating(f, m))) {
        find_firsts(f, m);
        first = conflation_mark_of(f, s->id)->first;
    }
    *evicted = first != 0 && !framelog_has(&f->log, first);
    return first;
}

struct span fanout_frame(const struct fanout *f, const struct stream *s,
                         uint64_t number)
{
    const struct conflation_key *k;

    if (framelog_has(&f->log, number)) {
        const struct frame *fr = framelog_at(&f->log, number);
        return fr->stream == s->id && number >= s->born
                   ? span_make(framelog_bytes(&f->log, fr), fr->len)
                   : span_make(NULL, 0);
    }
    k = number == 0 ? NULL : stream_first(s, number);
    return k && k->frame == number ? stream_frame(k, &f->log)
                                   : span_make(NULL, 0);
}

/* --- of all streams --- */

uint64_t fanout_owed_bytes(const struct member *m)
{
    return backlog_owed_bytes(m);
}

size_t fanout_unsent(const struct member *m)
{
    return m->backlog ? backlog_unsent(m->backlog) : 0;
}

bool fanout_is_drained(const struct member *m)
{
    return !m->backlog || (m->backlog->out.len == 0 && !m->backlog->cut);
}

static void count_queued(void *arg, struct node *n)
{
    struct group *g = (struct group *)n;

    for (uint32_t i = 0; i < g->slow.count; i++)
        *(uint64_t *)arg += backlog_owed(g->slow.at[i]);
}

uint64_t fanout_queued(const struct fanout *f)
{
    uint64_t queued = 0;

    table_each(&f->groups, count_queued, &queued);
    return queued;
}

static void count_slow(void *arg, struct node *n)
{
    *(uint32_t *)arg += ((struct group *)n)->slow.count;
}

uint32_t fanout_slow_count(const struct fanout *f)
{
    uint32_t slow = 0;

    table_each(&f->groups, count_slow, &slow);
    return slow;
}

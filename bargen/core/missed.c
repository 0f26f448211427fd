#include "bargen/core/missed.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/event/resolution.h"

static void insert(struct missed *m, unsigned i, struct missed_stretch s)
{
    /* One more than is kept: then the nearest become one. */
    if (!m->at)
        m->at = mem_alloc((MISSED_MAX + 1) * sizeof *m->at);
    memmove(m->at + i + 1, m->at + i, (m->n - i) * sizeof *m->at);
    m->at[i] = s;
    m->n++;
}

/* Stretch i and the one before it. */
static void join(struct missed *m, unsigned i)
{
    m->at[i - 1].to_ns = m->at[i].to_ns;
    m->n--;
    memmove(m->at + i, m->at + i + 1, (m->n - i) * sizeof *m->at);
}

static void join_nearest(struct missed *m)
{
    unsigned nearest = 1;

    for (unsigned i = 2; i < m->n; i++)
        if (m->at[i].from_ns - m->at[i - 1].to_ns <
            m->at[nearest].from_ns - m->at[nearest - 1].to_ns)
            nearest = i;
    join(m, nearest);
}

static int64_t second_of(int64_t time_ns)
{
    int64_t rest_ns = time_ns % NS_PER_SECOND;

    return time_ns - (rest_ns < 0 ? rest_ns + NS_PER_SECOND : rest_ns);
}

void missed_add(struct missed *m, int64_t time_ns)
{
    int64_t from_ns = second_of(time_ns);
    struct missed_stretch s = {from_ns, from_ns + NS_PER_SECOND};
    unsigned i = 0;

    while (i < m->n && m->at[i].to_ns < s.from_ns)
        i++;
    if (i == m->n || m->at[i].from_ns > s.to_ns) {
        insert(m, i, s);
    } else {
        if (s.from_ns < m->at[i].from_ns)
            m->at[i].from_ns = s.from_ns;
        if (s.to_ns > m->at[i].to_ns)
            m->at[i].to_ns = s.to_ns;
        if (i + 1 < m->n && m->at[i + 1].from_ns == m->at[i].to_ns)
            join(m, i + 1);
    }
    if (m->n > MISSED_MAX)
        join_nearest(m);
}

void missed_pass(struct missed *m, int64_t until_ns)
{
    unsigned n = 0;

    while (n < m->n && m->at[n].to_ns <= until_ns)
        n++;
    if (n == 0)
        return;
    m->n -= n;
    memmove(m->at, m->at + n, m->n * sizeof *m->at);
}

bool missed_in(const struct missed *m, int64_t start_ns, int64_t end_ns)
{
    for (unsigned i = 0; i < m->n && m->at[i].from_ns < end_ns; i++)
        if (m->at[i].to_ns > start_ns)
            return true;
    return false;
}

bool missed_restore(struct missed *m, const struct missed_stretch *s)
{
    if (s->from_ns >= s->to_ns || m->n == MISSED_MAX ||
        (m->n > 0 && m->at[m->n - 1].to_ns >= s->from_ns))
        return false;
    insert(m, m->n, *s);
    return true;
}

void missed_close(struct missed *m)
{
    free(m->at);
    *m = (struct missed){.at = NULL};
}

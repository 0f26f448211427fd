#include "common/redis/redis_wanted.h"

#include <stdlib.h>

#include "common/redis/redis_resp.h"

enum { KINDS = 8 };

struct redis_name {
    struct node node;
    unsigned outstanding; /* requests without an answer */
    unsigned wants;       /* who want it */
    bool pattern;
    bool asked;     /* what Redis will have after all that was sent */
    bool confirmed; /* Redis said yes to the newest request */
    bool refused;
    bool retrying;     /* refused, and to be asked for again */
    bool told;         /* refused when Redis last answered, ever */
    size_t refusal_at; /* in the list, while refused */
    char *why;         /* while refused */
    bool alone;        /* its batch was refused: ask for it by itself */
    bool changed;      /* is in the list */
    size_t len;
    char text[];
};

struct redis_request {
    struct redis_name *name; /* NULL: a PING */
    bool subscribe;
    bool last; /* name of its command */
};

/* --- the names --- */

static struct redis_name *name_of(struct node *n)
{
    return n ? node_of(struct redis_name, node, n) : NULL;
}

static struct span text_of(const struct redis_name *n)
{
    return span_make(n->text, n->len);
}

static bool is_called(const struct node *n, struct span name)
{
    return span_eq(text_of(node_of(const struct redis_name, node, n)), name);
}

static struct redis_name *find(const struct redis_wanted *w, struct span name,
                               bool pattern)
{
    return name_of(table_find(&w->names[pattern], name));
}

static struct redis_name *insert(struct redis_wanted *w, struct span name,
                                 bool pattern)
{
    struct redis_name *n = mem_alloc(sizeof *n + name.len);

    *n = (struct redis_name){.pattern = pattern, .len = name.len};
    if (name.len > 0)
        memcpy(n->text, name.ptr, name.len);
    table_add(&w->names[pattern], &n->node, name);
    return n;
}

/* Forgets a name that neither we nor Redis nor a list still know. */
static void free_if_unused(struct redis_wanted *w, struct redis_name *n)
{
    if (n->wants > 0 || n->asked || n->outstanding > 0 || n->changed)
        return;
    table_remove(&w->names[n->pattern], &n->node);
    free(n->why);
    free(n);
}

static void each_name(struct redis_wanted *w,
                      void (*fn)(void *wanted, struct node *n))
{
    for (int pattern = 0; pattern < 2; pattern++)
        table_each(&w->names[pattern], fn, w);
}

void redis_wanted_init(struct redis_wanted *w)
{
    *w = (struct redis_wanted){0};
    for (int pattern = 0; pattern < 2; pattern++)
        table_init(&w->names[pattern], is_called);
}

static void free_name(void *wanted, struct node *n)
{
    (void)wanted;
    free(name_of(n)->why);
    free(name_of(n));
}

void redis_wanted_close(struct redis_wanted *w)
{
    each_name(w, free_name);
    for (int pattern = 0; pattern < 2; pattern++)
        table_close(&w->names[pattern]);
    free(w->changed);
    free(w->refusal);
    free(w->request);
    *w = (struct redis_wanted){0};
}

/* --- what changed --- */

static void mark(struct redis_wanted *w, struct redis_name *n)
{
    if (n->changed)
        return;
    if (w->changes == w->changes_cap) {
        w->changes_cap = w->changes_cap > 0 ? w->changes_cap * 2 : 64;
        w->changed =
            mem_grow(w->changed, w->changes_cap * sizeof(struct redis_name *));
    }
    n->changed = true;
    w->changed[w->changes++] = n;
}

static void refuse(struct redis_wanted *w, struct redis_name *n,
                   struct span why)
{
    free(n->why);
    n->why = mem_str(why);
    n->retrying = false;
    if (n->refused)
        return;
    if (w->refused == w->refusal_cap) {
        w->refusal_cap = w->refusal_cap > 0 ? w->refusal_cap * 2 : 64;
        w->refusal =
            mem_grow(w->refusal, w->refusal_cap * sizeof(struct redis_name *));
    }
    n->refused = n->told = true;
    n->refusal_at = w->refused;
    w->refusal[w->refused++] = n;
}

static void unrefuse(struct redis_wanted *w, struct redis_name *n)
{
    if (!n->refused)
        return;
    n->refused = n->retrying = false;
    free(n->why);
    n->why = NULL;
    w->refused--;
    w->refusal[n->refusal_at] = w->refusal[w->refused];
    w->refusal[n->refusal_at]->refusal_at = n->refusal_at;
}

bool redis_wanted_add(struct redis_wanted *w, struct span name, bool pattern)
{
    struct redis_name *n = find(w, name, pattern);

    if (!n)
        n = insert(w, name, pattern);
    if (n->wants++ > 0)
        return false;
    w->wanted++;
    mark(w, n);
    return true;
}

bool redis_wanted_remove(struct redis_wanted *w, struct span name, bool pattern)
{
    struct redis_name *n = find(w, name, pattern);

    if (!n || n->wants == 0 || --n->wants > 0)
        return false;
    unrefuse(w, n);
    n->told = false;
    w->wanted--;
    mark(w, n);
    return true;
}

bool redis_wanted_confirmed(const struct redis_wanted *w, struct span name,
                            bool pattern)
{
    const struct redis_name *n = find(w, name, pattern);

    return n && n->wants > 0 && n->confirmed;
}

bool redis_wanted_refused(const struct redis_wanted *w, struct span name,
                          bool pattern, struct span *why)
{
    const struct redis_name *n = find(w, name, pattern);

    if (!n || !n->refused)
        return false;
    if (why)
        *why = span_str(n->why);
    return true;
}

bool redis_wanted_settled(const struct redis_wanted *w)
{
    for (size_t i = 0; i < w->changes; i++)
        if (!w->changed[i]->refused)
            return false;
    for (size_t i = 0; i < w->requests; i++) {
        const struct redis_name *n =
            w->request[(w->head + i) & (w->requests_cap - 1)].name;
        if (n && !n->refused)
            return false;
    }
    return true;
}

/* --- requests --- */

static void push(struct redis_wanted *w, struct redis_request r)
{
    if (w->requests == w->requests_cap) {
        size_t cap = w->requests_cap > 0 ? w->requests_cap * 2 : 64;
        struct redis_request *ring = mem_alloc(cap * sizeof *ring);

        for (size_t i = 0; i < w->requests; i++)
            ring[i] = w->request[(w->head + i) & (w->requests_cap - 1)];
        free(w->request);
        w->request = ring;
        w->requests_cap = cap;
        w->head = 0;
    }
    w->request[(w->head + w->requests++) & (w->requests_cap - 1)] = r;
}

static struct redis_request pop(struct redis_wanted *w)
{
    struct redis_request r = w->request[w->head];

    w->head = (w->head + 1) & (w->requests_cap - 1);
    w->requests--;
    return r;
}

/* What a changed name needs: bit 0 pattern, bit 1 subscribe, bit 2 alone;
 * KINDS for nothing. */
static unsigned kind_of(const struct redis_name *n)
{
    bool wanted = n->wants > 0;

    if (wanted == n->asked || (n->refused && !n->retrying))
        return KINDS;
    return (n->pattern ? 1U : 0U) | (wanted ? 2U : 0U) |
           (n->alone && wanted ? 4U : 0U);
}

static void send_kind(struct redis_wanted *w, unsigned kind, size_t count,
                      struct bytes *out)
{
    static const char *const words[4] = {"UNSUBSCRIBE", "PUNSUBSCRIBE",
                                         "SUBSCRIBE", "PSUBSCRIBE"};
    size_t batch = kind & 4U ? 1 : REDIS_BATCH;
    size_t in_batch = 0;

    for (size_t i = 0; count > 0; i++) {
        struct redis_name *n = w->changed[i];

        if (kind_of(n) != kind)
            continue;
        if (in_batch == 0) {
            in_batch = count < batch ? count : batch;
            resp_array(out, (unsigned)in_batch + 1);
            resp_bulk_str(out, words[kind & 3U]);
        }
        resp_bulk(out, n->text, n->len);
        n->asked = n->wants > 0;
        n->confirmed = n->retrying = false;
        n->outstanding++;
        in_batch--;
        count--;
        push(w, (struct redis_request){n, n->asked, in_batch == 0});
    }
}

bool redis_wanted_diff(struct redis_wanted *w, struct bytes *out)
{
    size_t count[KINDS + 1] = {0};
    size_t before = out->len;

    for (size_t i = 0; i < w->changes; i++)
        count[kind_of(w->changed[i])]++;
    for (unsigned kind = 0; kind < KINDS; kind++)
        send_kind(w, kind, count[kind], out);
    for (size_t i = 0; i < w->changes; i++) {
        w->changed[i]->changed = false;
        free_if_unused(w, w->changed[i]);
    }
    w->changes = 0;
    return out->len > before;
}

void redis_wanted_ping(struct redis_wanted *w)
{
    push(w, (struct redis_request){.last = true});
}

/* --- answers --- */

enum redis_answer redis_wanted_answer(struct redis_wanted *w, bool subscribe,
                                      struct span name, bool pattern)
{
    enum redis_answer answer = REDIS_ANSWER_OLD;
    struct redis_name *n;

    if (w->requests == 0)
        return REDIS_ANSWER_BAD;
    n = w->request[w->head].name;
    if (!n || w->request[w->head].subscribe != subscribe ||
        n->pattern != pattern || !span_eq(text_of(n), name))
        return REDIS_ANSWER_BAD;
    pop(w);
    if (--n->outstanding == 0) {
        n->confirmed = subscribe;
        if (!subscribe) {
            answer = REDIS_ANSWER_UNSUBSCRIBED;
        } else if (n->wants > 0) {
            answer = n->told ? REDIS_ANSWER_GRANTED : REDIS_ANSWER_SUBSCRIBED;
            unrefuse(w, n);
            n->told = false;
        }
    }
    free_if_unused(w, n);
    return answer;
}

bool redis_wanted_pong(struct redis_wanted *w)
{
    if (w->requests == 0 || w->request[w->head].name)
        return false;
    pop(w);
    return true;
}

static void
rejected(struct redis_wanted *w, struct redis_name *n, struct span why,
         void (*on_refused)(void *arg, const struct redis_refusal *r),
         void *arg)
{
    struct redis_refusal refusal = {text_of(n), n->pattern, !n->told};
    bool known = n->refused;

    /* A later request, still unanswered, decides. */
    if (--n->outstanding > 0)
        return;
    n->asked = false;
    if (n->wants == 0) {
        free_if_unused(w, n);
    } else if (n->alone) {
        refuse(w, n, why);
        if (!known)
            on_refused(arg, &refusal);
    } else {
        n->alone = true;
        mark(w, n);
    }
}

bool redis_wanted_rejected(struct redis_wanted *w, struct span why,
                           void (*on_refused)(void *arg,
                                              const struct redis_refusal *r),
                           void *arg)
{
    struct redis_request r;

    if (w->requests == 0)
        return false;
    do {
        r = pop(w);
        if (r.name)
            rejected(w, r.name, why, on_refused, arg);
    } while (!r.last && w->requests > 0);
    return true;
}

void redis_wanted_retry(struct redis_wanted *w)
{
    size_t count = w->refused < REDIS_BATCH ? w->refused : REDIS_BATCH;

    for (; count > 0; count--) {
        struct redis_name *n = w->refusal[w->next_retry++ % w->refused];

        if (n->asked)
            continue; /* the answer to the last time is not there yet */
        n->retrying = true;
        mark(w, n);
    }
}

static void reset(void *wanted, struct node *node)
{
    struct redis_name *n = name_of(node);

    n->outstanding = 0;
    n->asked = n->confirmed = n->changed = false;
    n->alone = n->told; /* the others need not wait for its refusal */
    unrefuse(wanted, n);
    if (n->wants > 0)
        mark(wanted, n);
    else
        free_if_unused(wanted, n);
}

void redis_wanted_reset(struct redis_wanted *w)
{
    w->requests = 0;
    w->changes = 0;
    each_name(w, reset);
}

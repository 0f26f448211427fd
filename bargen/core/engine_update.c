/* Which symbols have changed, and updates of their open bars. */
#include <stdlib.h>

#include "bargen/core/engine.h"
#include "common/base/bytes.h"

/* Symbols were put in front: the list is the newest first.  Issue in order of
 * appearance so that output does not depend on how it was cut into reads. */
static int by_rank(const void *a, const void *b)
{
    const struct symbol *const *x = a, *const *y = b;

    return ((*x)->wake.rank > (*y)->wake.rank) -
           ((*x)->wake.rank < (*y)->wake.rank);
}

uint64_t engine_later_ms(const struct engine *e, unsigned shard)
{
    const struct engine_shard *s = &e->shards[shard];

    return s->later ? s->later_ms : UINT64_MAX;
}

/* What has waited is among the changed again. */
static void end_waiting(struct engine *e, struct engine_shard *s)
{
    struct symbol *sym = s->later;

    for (; sym; sym = sym->next_later) {
        sym->later = false;
        if (!sym->dirty)
            engine_mark(e, sym);
    }
    s->later = NULL;
}

static void let_wait(struct engine_shard *s, struct symbol *sym,
                     uint64_t due_ms)
{
    if (!s->later || due_ms < s->later_ms)
        s->later_ms = due_ms;
    if (sym->later)
        return;
    sym->later = true;
    sym->next_later = s->later;
    s->later = sym;
}

void engine_update(struct engine *e, unsigned shard, uint64_t now_ms)
{
    struct engine_shard *s = &e->shards[shard];
    struct symbol **sorted, *sym;

    if (engine_later_ms(e, shard) <= now_ms)
        end_waiting(e, s);
    if (s->n_dirty == 0)
        return;
    sym = s->dirty;
    sorted = mem_alloc(s->n_dirty * sizeof(*sorted));
    for (unsigned i = 0; i < s->n_dirty; i++, sym = sym->next_dirty)
        sorted[i] = sym;
    qsort(sorted, s->n_dirty, sizeof *sorted, by_rank);
    for (unsigned i = 0; i < s->n_dirty; i++) {
        uint64_t due_ms = symbol_update(sorted[i], &e->rules, now_ms);

        if (due_ms != UINT64_MAX)
            let_wait(s, sorted[i], due_ms);
    }
    free(sorted);
}

void engine_clean(struct engine *e, unsigned shard)
{
    struct engine_shard *s = &e->shards[shard];

    for (struct symbol *sym = s->dirty; sym; sym = sym->next_dirty)
        sym->dirty = false;
    s->dirty = NULL;
    s->n_dirty = 0;
    s->urgent = false;
}

void engine_touch_all(struct engine *e, unsigned shard)
{
    for (unsigned i = 0; i < e->symbols.n; i++)
        if (e->symbols.all[i]->shard == shard && !e->symbols.all[i]->ignored &&
            !e->symbols.all[i]->dirty)
            engine_mark(e, e->symbols.all[i]);
}

#include "bargen/source/source.h"

void source_pause(struct source *s)
{
    if (s->ops->pause)
        s->ops->pause(s->self);
}

void source_resume(struct source *s)
{
    s->ops->resume(s->self);
}

void source_shard(struct source *s, unsigned shard, bool ours)
{
    if (s->ops->shard)
        s->ops->shard(s->self, shard, ours);
}

bool source_caught_up(const struct source *s)
{
    return !s->ops->caught_up || s->ops->caught_up(s->self);
}

const char *source_fault(const struct source *s)
{
    return s->ops->fault ? s->ops->fault(s->self) : NULL;
}

void source_close(struct source *s)
{
    if (s)
        s->ops->close(s->self);
}

#include "wsgate/fanout/type.h"

void types_init(struct types *t)
{
    t->count = 1;
    t->at[0].len = 0;
    t->at[0].name[0] = '\0';
}

uint16_t type_of(struct types *t, struct span name)
{
    if (name.len == 0 || name.len > TYPE_NAME_MAX)
        return 0;
    for (uint16_t i = 1; i < t->count; i++) {
        if (t->at[i].len == name.len &&
            memcmp(t->at[i].name, name.ptr, name.len) == 0)
            return i;
    }
    if (t->count == TYPES_MAX)
        return 0;
    memcpy(t->at[t->count].name, name.ptr, name.len);
    t->at[t->count].name[name.len] = '\0';
    t->at[t->count].len = (uint8_t)name.len;
    return t->count++;
}

struct span type_name(const struct types *t, uint16_t type)
{
    return span_make(t->at[type].name, t->at[type].len);
}

#include "ratelimitd/limit/heavy_hitters.h"

#include <inttypes.h>
#include <string.h>

#include "common/limit/hash.h"

static unsigned least(const struct top *t)
{
    unsigned found = 0;

    for (unsigned i = 1; i < t->count; i++)
        if (t->at[i].count < t->at[found].count)
            found = i;
    return found;
}

void top_add(struct top *t, const struct rule *rule, struct span key)
{
    uint64_t hash = hash_pair(span_make(rule->name, rule->name_len), key);
    struct top_entry *e;
    unsigned i;

    for (i = 0; i < t->count; i++) {
        if (t->hashes[i] == hash) {
            t->at[i].count++;
            return;
        }
    }
    if (key.len > RULE_KEY_MAX)
        return;
    i = t->count < TOP_SLOTS ? t->count++ : least(t);
    e = &t->at[i];
    e->over = e->count;
    e->count++;
    e->hash = t->hashes[i] = hash;
    memcpy(e->rule, rule->name, sizeof e->rule);
    memcpy(e->key, key.ptr, key.len);
    e->key[key.len] = '\0';
}

void top_json(const struct top *t, struct bytes *out)
{
    bool said[TOP_SLOTS] = {false};

    bytes_add_str(out, "[");
    for (unsigned n = 0; n < t->count; n++) {
        unsigned most = TOP_SLOTS;
        for (unsigned i = 0; i < t->count; i++)
            if (!said[i] &&
                (most == TOP_SLOTS || t->at[i].count > t->at[most].count))
                most = i;
        if (most == TOP_SLOTS)
            break;
        said[most] = true;
        bytes_printf(out, "%s{\"rule\":\"%s\",\"key\":", n ? "," : "",
                     t->at[most].rule);
        bytes_add_json(out, span_str(t->at[most].key));
        bytes_printf(out, ",\"denied\":%" PRIu64 ",\"over\":%" PRIu64 "}",
                     t->at[most].count, t->at[most].over);
    }
    bytes_add_str(out, "]");
}

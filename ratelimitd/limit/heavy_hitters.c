#include "ratelimitd/limit/heavy_hitters.h"

#include <string.h>

#include "common/base/hash.h"

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

void top_json(const struct top *t, const char *key, struct json_writer *json)
{
    bool said[TOP_SLOTS] = {false};

    json_write_array(json, key);
    for (unsigned n = 0; n < t->count; n++) {
        unsigned most = TOP_SLOTS;
        for (unsigned i = 0; i < t->count; i++)
            if (!said[i] &&
                (most == TOP_SLOTS || t->at[i].count > t->at[most].count))
                most = i;
        if (most == TOP_SLOTS)
            break;
        said[most] = true;
        json_write_object(json, NULL);
        json_write_str(json, "rule", t->at[most].rule);
        json_write_str(json, "key", t->at[most].key);
        json_write_uint(json, "denied", t->at[most].count);
        json_write_uint(json, "over", t->at[most].over);
        json_write_object_end(json);
    }
    json_write_array_end(json);
}

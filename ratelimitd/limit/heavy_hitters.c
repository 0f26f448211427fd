#include "ratelimitd/limit/heavy_hitters.h"

#include "common/base/hash.h"

static unsigned least(const struct heavy_hitters *h)
{
    unsigned found = 0;

    for (unsigned i = 1; i < h->count; i++)
        if (h->at[i].count < h->at[found].count)
            found = i;
    return found;
}

void heavy_hitters_add(struct heavy_hitters *h, const struct rule *rule,
                       struct span key)
{
    uint64_t hash = hash_pair(span_make(rule->name, rule->name_len), key);
    struct heavy_hitter *e;
    unsigned i;

    for (i = 0; i < h->count; i++) {
        if (h->hashes[i] == hash) {
            h->at[i].count++;
            return;
        }
    }
    if (key.len > RULE_KEY_MAX)
        return;
    i = h->count < HEAVY_HITTERS_MAX ? h->count++ : least(h);
    e = &h->at[i];
    e->over = e->count;
    e->count++;
    e->hash = h->hashes[i] = hash;
    memcpy(e->rule, rule->name, sizeof e->rule);
    memcpy(e->key, key.ptr, key.len);
    e->key[key.len] = '\0';
}

void heavy_hitters_json(const struct heavy_hitters *h, const char *key,
                        struct json_writer *json)
{
    bool said[HEAVY_HITTERS_MAX] = {false};

    json_write_array(json, key);
    for (unsigned n = 0; n < h->count; n++) {
        unsigned most = HEAVY_HITTERS_MAX;
        for (unsigned i = 0; i < h->count; i++)
            if (!said[i] && (most == HEAVY_HITTERS_MAX ||
                             h->at[i].count > h->at[most].count))
                most = i;
        if (most == HEAVY_HITTERS_MAX)
            break;
        said[most] = true;
        json_write_object(json, NULL);
        json_write_str(json, "rule", h->at[most].rule);
        json_write_str(json, "key", h->at[most].key);
        json_write_uint(json, "denied", h->at[most].count);
        json_write_uint(json, "over", h->at[most].over);
        json_write_object_end(json);
    }
    json_write_array_end(json);
}

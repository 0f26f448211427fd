#include "ratelimitd/redis/rules_hash.h"

#include <stdio.h>
#include <stdlib.h>

#include "ratelimitd/redis/function_library.h"

bool rules_hash_write(struct redis_cmd *cmd, const char *key,
                      const struct ruleset *set, redis_reply_fn *fn, void *arg)
{
    const struct rules *rules = &set->rules;
    struct bytes text;

    if (!redis_cmd_begin(cmd, 5 + 2 * rules->groups, fn, arg))
        return false;
    redis_cmd_str(cmd, "FCALL");
    redis_cmd_str(cmd, FUNCTION_LIBRARY "_rules");
    redis_cmd_str(cmd, "1");
    redis_cmd_str(cmd, key);
    redis_cmd_str(cmd, set->stamp);
    bytes_init(&text);
    for (unsigned g = 0; g < rules->groups; g++) {
        bytes_clear(&text);
        rules_text(rules, g, &text);
        redis_cmd_str(cmd, rules_name(rules, g));
        redis_cmd_arg(cmd, text.ptr, text.len);
    }
    bytes_close(&text);
    return true;
}

struct ruleset *rules_hash_read(const struct redis_reply *reply)
{
    struct rules rules = {0};
    struct span stamp = span_make(NULL, 0);
    bool good = reply->type == REDIS_ARRAY;

    for (size_t i = 0; good && i + 1 < reply->count; i += 2) {
        struct span name = reply->item[i].str, text = reply->item[i + 1].str;
        if (span_is(name, "@stamp"))
            stamp = text;
        else
            good = rules_add_text(&rules, name, text);
    }
    if (good && rules.count > 0)
        return ruleset_of(&rules, stamp);
    rules_close(&rules);
    return NULL;
}

bool rules_hash_earlier(struct span a, const char *b)
{
    char text[48];

    snprintf(text, sizeof text, "%.*s", (int)(a.len < 47 ? a.len : 47), a.ptr);
    return strtoll(text, NULL, 10) < strtoll(b, NULL, 10);
}

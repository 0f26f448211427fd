#include "ratelimitd/limit/ruleset.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { FILE_MAX = 1024 * 1024 };

static bool read_file(const char *path, struct bytes *text, struct err *err)
{
    FILE *file = fopen(path, "re");
    bool ok = true;
    size_t n;

    if (!file)
        return err_errno(err, ERR_CONFIG, errno, "%s", path);
    do {
        n = fread(bytes_reserve(text, 4096), 1, 4096, file);
        text->len += n;
    } while (n > 0 && text->len <= FILE_MAX);
    if (ferror(file))
        ok = err_errno(err, ERR_CONFIG, errno, "%s", path);
    else if (text->len > FILE_MAX)
        ok = err_set(err, ERR_CONFIG, "%s: longer than %d bytes", path,
                     FILE_MAX);
    fclose(file);
    return ok;
}

static bool load(struct rules *rules, const char *path, struct err *err)
{
    struct bytes text;
    bool ok;

    if (!path) {
        rules_default(rules);
        return true;
    }
    bytes_init(&text);
    ok = read_file(path, &text, err) &&
         rules_read(rules, bytes_span(&text), path, err);
    bytes_close(&text);
    return ok;
}

struct ruleset *ruleset_of(struct rules *rules, struct span stamp)
{
    struct ruleset *set = mem_zero(sizeof *set);

    set->rules = *rules;
    *rules = (struct rules){0};
    set->refs = 1;
    set->stats = mem_zero(set->rules.groups * sizeof(struct rule_stats *));
    for (unsigned g = 0; g < set->rules.groups; g++)
        set->stats[g] = stats_of_rule(rules_name(&set->rules, g));
    snprintf(set->stamp, sizeof set->stamp, "%.*s",
             (int)(stamp.len < sizeof set->stamp ? stamp.len
                                                 : sizeof set->stamp - 1),
             stamp.ptr);
    return set;
}

struct ruleset *ruleset_load(const char *path, int64_t now_ms, struct err *err)
{
    struct rules rules;
    char stamp[48];

    if (!load(&rules, path, err))
        return NULL;
    snprintf(stamp, sizeof stamp, "%" PRId64 " %016" PRIx64, path ? now_ms : 0,
             rules_digest(&rules));
    return ruleset_of(&rules, span_str(stamp));
}

bool ruleset_same(const struct ruleset *set, struct span stamp)
{
    const char *ours = strchr(set->stamp, ' ');
    const char *theirs = stamp.len ? memchr(stamp.ptr, ' ', stamp.len) : NULL;

    return ours && theirs &&
           span_is(span_make(theirs, (size_t)(stamp.ptr + stamp.len - theirs)),
                   ours);
}

struct ruleset *ruleset_ref(struct ruleset *set)
{
    set->refs++;
    return set;
}

struct ruleset *ruleset_unref(struct ruleset *set)
{
    if (set && --set->refs == 0) {
        rules_close(&set->rules);
        free(set->stats);
        free(set);
    }
    return NULL;
}

#include "ratelimitd/limit/rules.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/glob.h"

const char *rule_algorithm_name(enum rule_algorithm a)
{
    return a == RULE_GCRA ? "gcra" : "log";
}

const char *rule_on_error_name(enum rule_on_error e)
{
    static const char *const names[] = {"allow", "deny", "local"};

    return names[e];
}

void rules_close(struct rules *rules)
{
    free(rules->at);
    *rules = (struct rules){0};
}

static void add_default(struct rules *rules, const char *name, int64_t limit,
                        int64_t window_us, enum rule_on_error on_error)
{
    struct rule *r = &rules->at[rules->count++];

    *r = (struct rule){.pattern = "*",
                       .name_len = strlen(name),
                       .on_error = on_error,
                       .group = rules->groups++};
    snprintf(r->name, sizeof r->name, "%s", name);
    (void)limit_make(limit, window_us, &r->limit);
}

void rules_default(struct rules *rules)
{
    *rules = (struct rules){.at = mem_zero(2 * sizeof *rules->at)};
    add_default(rules, "api", 100, 60 * INT64_C(1000000), RULE_LOCAL);
    add_default(rules, "orders", 10, INT64_C(1000000), RULE_DENY);
}

const struct rule *rules_find(const struct rules *rules, struct span name,
                              struct span key, bool *known)
{
    *known = false;
    for (unsigned i = 0; i < rules->count; i++) {
        const struct rule *r = &rules->at[i];
        if (r->name_len != name.len || memcmp(r->name, name.ptr, name.len) != 0)
            continue;
        *known = true;
        if ((r->pattern[0] == '*' && r->pattern[1] == '\0') ||
            glob_match(span_str(r->pattern), key))
            return r;
    }
    return NULL;
}

bool rule_name_ok(struct span name)
{
    if (name.len == 0 || name.len > RULE_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.'))
            return false;
    }
    return true;
}

const char *rule_key_fault(struct span key)
{
    if (key.len == 0)
        return "key is empty";
    if (key.len > RULE_KEY_MAX)
        return "key is longer than 128 bytes";
    /* Braces would choose a Cluster slot, a star is for patterns; quotes and
     * backslashes have no business in a user's name. */
    for (size_t i = 0; i < key.len; i++) {
        unsigned char c = (unsigned char)key.ptr[i];
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '*' ||
            c == '{' || c == '}')
            return "key has a character that is not allowed (printable ASCII "
                   "without space, quote, backslash, star and braces)";
    }
    return NULL;
}

const char *rules_name(const struct rules *rules, unsigned group)
{
    for (unsigned i = 0; i < rules->count; i++)
        if (rules->at[i].group == group)
            return rules->at[i].name;
    return NULL;
}

void rules_text(const struct rules *rules, unsigned group, struct bytes *out)
{
    for (unsigned i = 0; i < rules->count; i++) {
        const struct rule *r = &rules->at[i];
        if (r->group == group)
            bytes_printf(out, "%" PRId64 " %" PRId64 " %s %s %s %s\n",
                         r->limit.limit, r->limit.window_us / 1000,
                         rule_algorithm_name(r->algorithm),
                         r->shadow ? "shadow" : "-", r->pattern,
                         rule_on_error_name(r->on_error));
    }
}

uint64_t rules_digest(const struct rules *rules)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    struct bytes text;

    bytes_init(&text);
    for (unsigned g = 0; g < rules->groups; g++) {
        bytes_printf(&text, "%s\n", rules_name(rules, g));
        rules_text(rules, g, &text);
    }
    for (size_t i = 0; i < text.len; i++) /* FNV-1a */
        hash = (hash ^ (unsigned char)text.ptr[i]) * UINT64_C(1099511628211);
    bytes_close(&text);
    return hash;
}

void rules_print(const struct rules *rules, struct bytes *out)
{
    bytes_printf(out, "%-16s %-24s %10s %12s %-9s %-8s %s\n", "rule", "key",
                 "limit", "window_ms", "algorithm", "on_error", "shadow");
    for (unsigned i = 0; i < rules->count; i++) {
        const struct rule *r = &rules->at[i];
        bytes_printf(
            out, "%-16s %-24s %10" PRId64 " %12" PRId64 " %-9s %-8s %s\n",
            r->name, r->pattern, r->limit.limit, r->limit.window_us / 1000,
            rule_algorithm_name(r->algorithm), rule_on_error_name(r->on_error),
            r->shadow ? "yes" : "no");
    }
}

#include <stdarg.h>
#include <stdio.h>

#include "common/base/quantity.h"
#include "common/json/json.h"
#include "ratelimitd/limit/json_line.h"
#include "ratelimitd/limit/rules.h"

/* One object of the file while it is read. */
struct reader {
    const char *path;
    struct span text;
    unsigned index; /* of the object in "rules" */
    struct rule rule;
    int64_t limit, window_ms;
    bool has_name, has_limit, has_window;
    struct err *err;
};

/* name: the member that is wrong, or NULL. */
static bool wrong(struct reader *r, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static bool wrong(struct reader *r, const char *name, const char *fmt, ...)
{
    char text[256];
    va_list args;
    int line = json_line_of(r->text, 2, r->index, name);

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (!name)
        return err_set(r->err, ERR_CONFIG, "%s: line %d: %s", r->path, line,
                       text);
    return err_set(r->err, ERR_CONFIG, "%s: line %d: \"%s\" %s", r->path, line,
                   name, text);
}

static bool read_name(struct reader *r, const json_value *v, const char *name)
{
    struct span s;

    if (!json_text(v, &s) || !rule_name_ok(s))
        return wrong(r, name, "is not 1 to %d of A-Z a-z 0-9 _ - .",
                     RULE_NAME_MAX);
    memcpy(r->rule.name, s.ptr, s.len);
    r->rule.name_len = s.len;
    r->has_name = true;
    return true;
}

static bool read_key(struct reader *r, const json_value *v, const char *name)
{
    char probe[RULE_KEY_MAX + 1];
    unsigned stars = 0;
    struct span s;
    const char *fault;

    if (!json_text(v, &s) || s.len == 0 || s.len > RULE_KEY_MAX)
        return wrong(r, name, "is not a text of 1 to %d bytes", RULE_KEY_MAX);
    for (size_t i = 0; i < s.len; i++) {
        stars += s.ptr[i] == '*';
        probe[i] = s.ptr[i] == '*' ? 'x' : s.ptr[i];
    }
    fault = rule_key_fault(span_make(probe, s.len));
    if (fault)
        return wrong(r, name, "cannot be: %s", fault);
    if (stars > RULE_STARS_MAX)
        return wrong(r, name, "has more than %d stars", RULE_STARS_MAX);
    memcpy(r->rule.pattern, s.ptr, s.len);
    r->rule.pattern[s.len] = '\0';
    return true;
}

static bool read_limit(struct reader *r, const json_value *v, const char *name)
{
    if (!json_int(v, &r->limit) || r->limit < 0 || r->limit > LIMIT_COST_MAX)
        return wrong(r, name, "is not a whole number from 0 to %d",
                     LIMIT_COST_MAX);
    r->has_limit = true;
    return true;
}

/* "60s", "250ms", "1d", or a number of milliseconds. */
static bool read_window(struct reader *r, const json_value *v, const char *name)
{
    struct span s;

    if (!json_int(v, &r->window_ms) &&
        (!json_text(v, &s) || !quantity_duration(s.ptr, &r->window_ms)))
        return wrong(r, name, "is not a duration (try \"60s\", \"250ms\")");
    if (r->window_ms < 1 || r->window_ms > RULE_WINDOW_MAX_S * INT64_C(1000))
        return wrong(r, name, "is not within 1ms to 31d");
    r->has_window = true;
    return true;
}

static bool read_algorithm(struct reader *r, const json_value *v,
                           const char *name)
{
    struct span s;

    if (!json_text(v, &s) || !(span_is(s, "log") || span_is(s, "gcra")))
        return wrong(r, name, "is neither \"log\" nor \"gcra\"");
    r->rule.algorithm = span_is(s, "gcra") ? RULE_GCRA : RULE_LOG;
    return true;
}

static bool read_on_error(struct reader *r, const json_value *v,
                          const char *name)
{
    struct span s;

    for (enum rule_on_error e = RULE_ALLOW; e <= RULE_LOCAL; e++) {
        if (json_text(v, &s) && span_is(s, rule_on_error_name(e))) {
            r->rule.on_error = e;
            return true;
        }
    }
    return wrong(r, name, "is not one of \"allow\", \"deny\", \"local\"");
}

static bool read_shadow(struct reader *r, const json_value *v, const char *name)
{
    return json_bool(v, &r->rule.shadow) ||
           wrong(r, name, "is neither true nor false");
}

static const struct {
    const char *name;
    bool (*read)(struct reader *r, const json_value *v, const char *name);
} members[] = {
    {"rule", read_name},           {"key", read_key},
    {"limit", read_limit},         {"window", read_window},
    {"algorithm", read_algorithm}, {"on_error", read_on_error},
    {"shadow", read_shadow},
};

static bool read_member(struct reader *r, const char *name, const json_value *v)
{
    for (unsigned i = 0; i < sizeof members / sizeof members[0]; i++)
        if (strcmp(members[i].name, name) == 0)
            return members[i].read(r, v, members[i].name);
    return wrong(r, name,
                 "is not a member of a rule (rule, key, limit, window, "
                 "algorithm, on_error, shadow)");
}

static bool complete(struct reader *r)
{
    if (!r->has_name || !r->has_limit || !r->has_window)
        return wrong(r, NULL, "the rule has no \"%s\"",
                     !r->has_name    ? "rule"
                     : !r->has_limit ? "limit"
                                     : "window");
    if (r->rule.algorithm == RULE_LOG && r->limit > LIMIT_LOG_MAX)
        return wrong(r, "limit",
                     "is over %d, which a log would keep one by one for each "
                     "key: use \"algorithm\": \"gcra\"",
                     LIMIT_LOG_MAX);
    if (r->rule.algorithm == RULE_GCRA && r->limit == 0)
        return wrong(r, "limit", "is 0, which gcra cannot be");
    if (r->rule.algorithm == RULE_LOG)
        r->rule.limit = (struct limit){r->limit, r->window_ms * 1000, 0, 0};
    else if (!limit_make(r->limit, r->window_ms * 1000, &r->rule.limit))
        return wrong(r, "limit",
                     "has too little in common with the window for gcra to "
                     "count exactly: choose a rounder number");
    return true;
}

static bool read_rule(struct reader *r, const json_value *object)
{
    const char *name;

    if (!json_is_object(object))
        return wrong(r, NULL, "an element of \"rules\" is not an object");
    for (size_t i = 0; i < json_count(object); i++) {
        const json_value *v = json_member_at(object, i, &name);
        if (!read_member(r, name, v))
            return false;
    }
    r->rule.line = json_line_of(r->text, 2, r->index, NULL);
    return complete(r);
}

/* Same name, same group.  A line that no key can reach is a mistake. */
static bool add(struct rules *rules, struct reader *r)
{
    unsigned of_name = 0;

    r->rule.group = rules->groups;
    for (unsigned i = 0; i < rules->count; i++) {
        const struct rule *other = &rules->at[i];
        if (strcmp(other->name, r->rule.name) != 0)
            continue;
        r->rule.group = other->group;
        of_name++;
        if (strcmp(other->pattern, r->rule.pattern) == 0 ||
            strcmp(other->pattern, "*") == 0)
            return wrong(r, NULL,
                         "no key reaches this rule: line %d (%s \"%s\") has "
                         "them all",
                         other->line, other->name, other->pattern);
    }
    if (of_name == RULE_LINES_MAX)
        return wrong(r, NULL, "more than %d lines for rule %s", RULE_LINES_MAX,
                     r->rule.name);
    rules->groups += r->rule.group == rules->groups;
    rules->at[rules->count++] = r->rule;
    return true;
}

static bool read_all(struct rules *rules, const json_value *list,
                     struct reader *r)
{
    size_t n = json_count(list);

    if (n == 0 || n > RULES_MAX)
        return err_set(r->err, ERR_CONFIG,
                       "%s: \"rules\" has %zu elements, not "
                       "1 to %d",
                       r->path, n, RULES_MAX);
    rules->at = mem_zero(n * sizeof *rules->at);
    for (size_t i = 0; i < n; i++) {
        *r = (struct reader){.path = r->path,
                             .text = r->text,
                             .index = (unsigned)i,
                             .err = r->err,
                             .rule = {.pattern = "*", .on_error = RULE_LOCAL}};
        if (!read_rule(r, json_item(list, i)) || !add(rules, r))
            return false;
    }
    return true;
}

bool rules_read(struct rules *rules, struct span text, const char *path,
                struct err *err)
{
    struct reader r = {.path = path, .text = text, .err = err};
    struct rules made = {0};
    struct err why = {0};
    json_value *root = json_read(text, &why);
    const char *name = NULL;
    bool ok = false;

    if (!root)
        return err_set(err, ERR_CONFIG, "%s: %s", path, why.text);
    if (!json_is_object(root) || !json_is_array(json_member(root, "rules")))
        err_set(err, ERR_CONFIG, "%s: the file is not {\"rules\": [...]}",
                path);
    else if (json_count(root) != 1 &&
             (json_member_at(root, 0, &name),
              strcmp(name, "rules") != 0 ||
                  (json_member_at(root, 1, &name), true)))
        err_set(err, ERR_CONFIG, "%s: line %d: unknown member \"%s\"", path,
                json_line_of(text, 1, 0, name), name);
    else
        ok = read_all(&made, json_member(root, "rules"), &r);
    json_free(root);
    if (!ok) {
        rules_close(&made);
        return false;
    }
    *rules = made;
    return true;
}

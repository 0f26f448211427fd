#include "ratelimitd/limit/question.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/json/json_writer.h"

bool question_mode(struct span name, enum limit_mode *mode)
{
    for (enum limit_mode m = LIMIT_CHECK; m <= LIMIT_RESET; m++) {
        if (span_is(name, limit_mode_name(m))) {
            *mode = m;
            return true;
        }
    }
    return false;
}

/* Copies into the question's store; false: does not fit. */
static bool keep(struct question *q, size_t *used, struct span text,
                 struct span *out)
{
    if (text.len > sizeof q->store - *used)
        return false;
    memcpy(q->store + *used, text.ptr, text.len);
    *out = span_make(q->store + *used, text.len);
    *used += text.len;
    return true;
}

static bool read_id(struct question *q, size_t *used, const json_value *v,
                    struct err *err)
{
    char text[QUESTION_ID_MAX * 6 + 3];
    struct bytes quoted;
    struct span s;
    int64_t n;

    if (!v || json_is_null(v))
        return true;
    if (json_int(v, &n)) {
        int len = snprintf(text, sizeof text, "%" PRId64, n);
        return keep(q, used, span_make(text, (size_t)len), &q->id);
    }
    if (!json_text(v, &s) || s.len > QUESTION_ID_MAX - 2)
        return err_set(err, ERR_INPUT,
                       "id is neither an integer nor a text of up to %d bytes",
                       QUESTION_ID_MAX - 2);
    bytes_init(&quoted);
    json_quote(&quoted, s);
    if (quoted.len > QUESTION_ID_MAX ||
        !keep(q, used, bytes_span(&quoted), &q->id))
        err_set(err, ERR_INPUT, "id has too many escapes");
    bytes_close(&quoted);
    return q->id.len > 0;
}

static bool read_rule(struct question *q, size_t *used, const json_value *v,
                      struct err *err)
{
    struct span s;

    if (q->n_rules == RULE_CHECK_MAX)
        return err_set(err, ERR_INPUT, "more than %d rules", RULE_CHECK_MAX);
    if (!json_text(v, &s) || s.len == 0 || s.len > RULE_NAME_MAX)
        return err_set(err, ERR_INPUT, "a rule is not a text of 1 to %d bytes",
                       RULE_NAME_MAX);
    for (unsigned i = 0; i < q->n_rules; i++)
        if (span_eq(q->rules[i], s))
            return err_set(err, ERR_INPUT, "rule '%.*s' is named twice",
                           SPAN_ARG(s));
    return keep(q, used, s, &q->rules[q->n_rules++]);
}

static bool read_rules(struct question *q, size_t *used, const json_value *v,
                       struct err *err)
{
    if (!json_is_array(v) || json_count(v) == 0)
        return err_set(err, ERR_INPUT, "rules is not a list of names");
    q->is_list = true;
    for (size_t i = 0; i < json_count(v); i++)
        if (!read_rule(q, used, json_item(v, i), err))
            return false;
    return true;
}

/* A user's number is as good a key as a name. */
static bool read_key(struct question *q, size_t *used, const json_value *v,
                     struct err *err)
{
    char text[24];
    struct span s;
    const char *fault;
    int64_t n;
    int len;

    if (json_int(v, &n)) {
        len = snprintf(text, sizeof text, "%" PRId64, n);
        s = span_make(text, (size_t)len);
    } else if (!json_text(v, &s)) {
        return err_set(err, ERR_INPUT, "key is neither a text nor an integer");
    }
    fault = rule_key_fault(s);
    if (fault)
        return err_set(err, ERR_INPUT, "%s", fault);
    return keep(q, used, s, &q->key);
}

static bool read_cost(struct question *q, const json_value *v, struct err *err)
{
    int64_t cost;

    if (!json_int(v, &cost) || cost < 0 || cost > LIMIT_COST_MAX)
        return err_set(err, ERR_INPUT,
                       "cost is not a whole number from 0 to %d",
                       LIMIT_COST_MAX);
    q->cost = cost;
    return true;
}

static bool read_mode(struct question *q, const json_value *v, struct err *err)
{
    struct span s;

    if (!json_text(v, &s) || !question_mode(s, &q->mode))
        return err_set(err, ERR_INPUT,
                       "mode is not \"check\", \"peek\" or \"reset\"");
    return true;
}

static bool read_member(struct question *q, size_t *used, const char *name,
                        const json_value *v, struct err *err)
{
    if (strcmp(name, "id") == 0)
        return true; /* read before the others, for their errors */
    if (strcmp(name, "rule") == 0)
        return read_rule(q, used, v, err);
    if (strcmp(name, "rules") == 0)
        return read_rules(q, used, v, err);
    if (strcmp(name, "key") == 0)
        return read_key(q, used, v, err);
    if (strcmp(name, "cost") == 0)
        return read_cost(q, v, err);
    if (strcmp(name, "mode") == 0)
        return read_mode(q, v, err);
    return err_set(err, ERR_INPUT,
                   "unknown member '%.64s' (id, rule, rules, key, cost, mode)",
                   name);
}

static bool is_one_of(const char *name, const char *const *others)
{
    for (; *others; others++)
        if (strcmp(name, *others) == 0)
            return true;
    return false;
}

static void begin(struct question *q)
{
    q->id = q->key = span_make(NULL, 0);
    q->n_rules = 0;
    q->is_list = false;
    q->cost = 1;
    q->mode = LIMIT_CHECK;
}

bool question_from(struct question *q, const json_value *root,
                   const char *const *others, struct err *err)
{
    size_t used = 0;
    const char *name;

    begin(q);

    if (!json_is_object(root))
        return err_set(err, ERR_INPUT, "a question is not a JSON object");
    if (!read_id(q, &used, json_member(root, "id"), err))
        return false;
    if (json_member(root, "rule") && json_member(root, "rules"))
        return err_set(err, ERR_INPUT, "both rule and rules are there");
    for (size_t i = 0; i < json_count(root); i++) {
        const json_value *v = json_member_at(root, i, &name);
        if (!is_one_of(name, others) && !read_member(q, &used, name, v, err))
            return false;
    }
    if (q->n_rules == 0)
        return err_set(err, ERR_INPUT, "no rule is named");
    if (q->key.len == 0)
        return err_set(err, ERR_INPUT, "no key is named");
    return true;
}

bool question_read(struct question *q, struct span line, struct err *err)
{
    static const char *const none[] = {NULL};
    json_value *root;
    bool ok;

    if (question_scan(q, line))
        return true;
    begin(q);
    if (line.len > 0 && memchr(line.ptr, '\0', line.len))
        return err_set(err, ERR_INPUT, "column %zu: NUL byte",
                       (size_t)((const char *)memchr(line.ptr, '\0', line.len) -
                                line.ptr) +
                           1);
    root = json_read(line, err);
    if (!root)
        return false;
    ok = question_from(q, root, none, err);
    json_free(root);
    return ok;
}

/* --- the usual shape, in place --- */

/* Every function moves *at past what it took; false: not the usual shape. */
struct scan {
    const char *at, *end;
};

static bool take(struct scan *s, char c)
{
    if (s->at == s->end || *s->at != c)
        return false;
    s->at++;
    return true;
}

static void blanks(struct scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t'))
        s->at++;
}

/* Printable ASCII without escapes; anything else is for the long way. */
static bool scan_text(struct scan *s, struct span *out)
{
    const char *from;

    if (!take(s, '"'))
        return false;
    from = s->at;
    while (s->at < s->end && *s->at != '"') {
        unsigned char c = (unsigned char)*s->at;
        if (c < 0x20 || c >= 0x7f || c == '\\')
            return false;
        s->at++;
    }
    *out = span_make(from, (size_t)(s->at - from));
    return take(s, '"');
}

/* Up to nine digits, no sign, no leading zero. */
static bool scan_number(struct scan *s, int64_t *out)
{
    const char *from = s->at;
    int64_t n = 0;

    while (s->at < s->end && *s->at >= '0' && *s->at <= '9' && s->at - from < 9)
        n = n * 10 + (*s->at++ - '0');
    if (s->at == from || (*from == '0' && s->at - from > 1))
        return false;
    *out = n;
    return s->at < s->end && (*s->at == ',' || *s->at == '}' || *s->at == ' ');
}

static bool scan_id(struct scan *s, struct span *out)
{
    const char *from = s->at;
    struct span text;
    int64_t n;

    if (s->at < s->end && *s->at == '"') {
        if (!scan_text(s, &text) || text.len > QUESTION_ID_MAX - 2)
            return false;
    } else if (!scan_number(s, &n)) {
        return false;
    }
    *out = span_make(from, (size_t)(s->at - from));
    return true;
}

enum {
    SEEN_ID = 1,
    SEEN_RULE = 2,
    SEEN_KEY = 4,
    SEEN_COST = 8,
    SEEN_MODE = 16
};

static bool scan_member(struct question *q, struct scan *s, unsigned *seen)
{
    struct span name, text;
    unsigned bit;
    bool ok;

    if (!scan_text(s, &name))
        return false;
    blanks(s);
    if (!take(s, ':'))
        return false;
    blanks(s);
    if (span_is(name, "id")) {
        bit = SEEN_ID;
        ok = scan_id(s, &q->id);
    } else if (span_is(name, "rule")) {
        bit = SEEN_RULE;
        ok = scan_text(s, &q->rules[0]) && q->rules[0].len > 0 &&
             q->rules[0].len <= RULE_NAME_MAX;
        q->n_rules = 1;
    } else if (span_is(name, "key")) {
        bit = SEEN_KEY;
        ok = scan_text(s, &q->key) && !rule_key_fault(q->key);
    } else if (span_is(name, "cost")) {
        bit = SEEN_COST;
        ok = scan_number(s, &q->cost);
    } else if (span_is(name, "mode")) {
        bit = SEEN_MODE;
        ok = scan_text(s, &text) && question_mode(text, &q->mode);
    } else {
        return false;
    }
    if (*seen & bit)
        return false;
    *seen |= bit;
    return ok;
}

bool question_scan(struct question *q, struct span line)
{
    struct scan s = {line.ptr, line.ptr + line.len};
    unsigned seen = 0;

    begin(q);
    blanks(&s);
    if (!take(&s, '{'))
        return false;
    do {
        blanks(&s);
        if (!scan_member(q, &s, &seen))
            return false;
        blanks(&s);
    } while (take(&s, ','));
    if (!take(&s, '}'))
        return false;
    blanks(&s);
    return s.at == s.end && (seen & SEEN_RULE) && (seen & SEEN_KEY);
}

#include "ratelimitd/limit/rules.h"

#include "common/base/bytes.h"

/* "LIMIT WINDOW_MS log|gcra shadow|- PATTERN [ON_ERROR]", word by word. */
static struct span next_word(struct span *rest)
{
    struct span word;
    size_t n = 0;

    while (n < rest->len && rest->ptr[n] != ' ')
        n++;
    word = span_make(rest->ptr, n);
    n += n < rest->len;
    *rest = span_make(rest->ptr + n, rest->len - n);
    return word;
}

static bool read_number(struct span text, int64_t max, int64_t *out)
{
    uint64_t n;

    if (!span_number(text, 12, &n))
        return false;
    *out = (int64_t)n;
    return *out <= max;
}

static bool read_limit(struct rule *r, struct span *rest)
{
    int64_t limit, window_ms;
    struct span algorithm;

    if (!read_number(next_word(rest), LIMIT_COST_MAX, &limit) ||
        !read_number(next_word(rest), RULE_WINDOW_MAX_S * INT64_C(1000),
                     &window_ms) ||
        window_ms < 1)
        return false;
    algorithm = next_word(rest);
    if (span_is(algorithm, "gcra")) {
        r->algorithm = RULE_GCRA;
        return limit > 0 && limit_make(limit, window_ms * 1000, &r->limit);
    }
    r->algorithm = RULE_LOG;
    r->limit = (struct limit){limit, window_ms * 1000, 0, 0};
    return span_is(algorithm, "log") && limit <= LIMIT_LOG_MAX;
}

static bool read_on_error(struct rule *r, struct span word)
{
    if (word.len == 0)
        return true;
    for (enum rule_on_error e = RULE_ALLOW; e <= RULE_LOCAL; e++) {
        if (span_is(word, rule_on_error_name(e))) {
            r->on_error = e;
            return true;
        }
    }
    return false;
}

static bool read_line(struct rule *r, struct span line)
{
    struct span pattern;

    if (!read_limit(r, &line))
        return false;
    r->shadow = span_is(next_word(&line), "shadow");
    pattern = next_word(&line);
    if (pattern.len == 0 || pattern.len > RULE_KEY_MAX)
        return false;
    memcpy(r->pattern, pattern.ptr, pattern.len);
    r->pattern[pattern.len] = '\0';
    return read_on_error(r, next_word(&line));
}

bool rules_add_text(struct rules *rules, struct span name, struct span text)
{
    unsigned count = rules->count, lines = 0;

    if (!rule_name_ok(name))
        return false;
    while (text.len > 0) {
        const char *end = memchr(text.ptr, '\n', text.len);
        size_t n = end ? (size_t)(end - text.ptr) : text.len;
        struct rule r = {.name_len = name.len,
                         .on_error = RULE_LOCAL,
                         .group = rules->groups};
        if (count == RULES_MAX || ++lines > RULE_LINES_MAX ||
            !read_line(&r, span_make(text.ptr, n)))
            return false;
        memcpy(r.name, name.ptr, name.len);
        rules->at = mem_grow(rules->at, (count + 1) * sizeof *rules->at);
        rules->at[count++] = r;
        n += end != NULL;
        text = span_make(text.ptr + n, text.len - n);
    }
    if (lines == 0)
        return false;
    rules->count = count;
    rules->groups++;
    return true;
}

#include "common/feed/feed_message.h"

#include "common/json/scan.h"

bool feed_message_bad(struct feed_message *m, const char *at,
                      enum event_fault fault)
{
    m->fault = fault;
    m->fault_at = at;
    return false;
}

static const char *read_value(struct feed_message *m, const char *s,
                              const char *end)
{
    const char *stop, *why;
    bool plain;

    if (*s == '"') {
        stop = scan_fast_string(s + 1, end, &plain);
        return stop ? stop + 1 : NULL;
    }
    if (scan_is_digit(*s))
        return scan_fast_skip(s, end);
    m->look_closer |= *s == '{' || *s == '[';
    return scan_value(s, end, 1, &why);
}

static bool has_letter(const struct feed_message *m, unsigned char c)
{
    return c < 128 && m->letters[c >> 6] >> (c & 63) & 1;
}

static void note(struct feed_message *m, struct feed_field p)
{
    unsigned char c = (unsigned char)*p.key.ptr;
    bool twice = false;

    if (p.key.len == 1) { /* less than 128: it is valid UTF-8 */
        twice = has_letter(m, c);
        m->letters[c >> 6 & 1] |= (uint64_t)1 << (c & 63);
        m->letter[c & 127] = (uint8_t)m->fields;
    } else {
        for (unsigned i = 0; i < m->fields; i++)
            twice |= span_eq(m->field[i].key, p.key);
    }
    if (twice && !m->twice)
        m->twice = p.key.ptr;
    m->field[m->fields++] = p;
}

static inline const char *read_field(struct feed_message *m, const char *s,
                                     const char *end)
{
    const char *stop;
    bool plain;
    struct feed_field p;

    if (s >= end || *s != '"')
        return NULL;
    stop = scan_fast_string(s + 1, end, &plain);
    if (!stop)
        return NULL;
    p.key = span_make(s + 1, (size_t)(stop - s - 1));
    s = scan_fast_space(stop + 1, end);
    if (*s != ':')
        return NULL;
    s = scan_fast_space(s + 1, end);
    stop = read_value(m, s, end);
    if (!stop)
        return NULL;
    p.value = span_make(s, (size_t)(stop - s));
    m->look_closer |= !plain || m->fields == FEED_FIELDS_MAX;
    if (m->fields < FEED_FIELDS_MAX)
        note(m, p);
    return scan_fast_space(stop, end);
}

/* The members of the object at s; where it ends, or NULL.  As scan_fast_*. */
static const char *read_fields(struct feed_message *m, const char *s,
                               const char *end)
{
    m->fields = 0;
    m->letters[0] = m->letters[1] = 0;
    s = scan_fast_space(s + 1, end);
    if (*s == '}')
        return s + 1;
    for (;;) {
        s = read_field(m, s, end);
        if (!s)
            return NULL;
        if (*s == '}')
            return s + 1;
        if (*s != ',')
            return NULL;
        s = scan_fast_space(s + 1, end);
    }
}

const struct feed_field *feed_message_find(const struct feed_message *m,
                                           const char *key)
{
    unsigned char c = (unsigned char)key[0];
    size_t len;

    if (key[1] == '\0')
        return has_letter(m, c) ? &m->field[m->letter[c & 127]] : NULL;
    len = strlen(key);
    for (unsigned i = 0; i < m->fields; i++)
        if (m->field[i].key.len == len &&
            memcmp(m->field[i].key.ptr, key, len) == 0)
            return &m->field[i];
    return NULL;
}

bool feed_message_read(const struct feed *f, struct feed_message *m)
{
    const char *end = m->line.ptr + m->line.len, *stop;
    const char *s = scan_space(m->line.ptr, end);
    const struct feed_field *inner;
    unsigned column = 1;

    m->twice = NULL;
    m->look_closer = false;
    m->fault = EVENT_OK;
    stop = s < end && *s == '{' ? read_fields(m, s, end) : NULL;
    if (!stop || stop > end || scan_space(stop, end) != end) {
        enum event_fault fault = event_syntax(m->line, &column);

        return feed_message_bad(m, m->line.ptr + column - 1, fault);
    }
    if (m->twice)
        return feed_message_bad(m, m->twice - 1, EVENT_DUPLICATE_KEY);
    if (m->look_closer && !scan_unique(m->line, &m->fault_at))
        return feed_message_bad(m, m->fault_at, EVENT_DUPLICATE_KEY);
    if (!f->wrapper || feed_message_find(m, f->kind_key) ||
        !feed_message_find(m, f->wrapper))
        return true;
    inner = feed_message_find(m, f->wrapped);
    if (inner && *inner->value.ptr == '{')
        read_fields(m, inner->value.ptr, inner->value.ptr + inner->value.len);
    return true;
}

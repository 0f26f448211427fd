/* Who may have a channel, whose a message is, and how both are delivered. */
#include "common/event/channel_name.h"
#include "common/event/event_name.h"
#include "common/event/route.h"
#include "common/json/scan.h"

/* --- words in names --- */

/* The first part of a template, which says what kind of channel it is; empty
 * where it is not text alone or the only part. */
static struct span kind_of(const char *tmpl)
{
    size_t n = strcspn(tmpl, ":{");

    return span_make(tmpl, tmpl[n] == ':' ? n : 0);
}

/* Does a part of the name end with the word, with another part behind it?
 * bare: or none.  What stands before it may be the rest of a prefix. */
static bool has_word(struct span name, struct span word, bool bare)
{
    const char *at = name.ptr, *end = name.ptr + name.len, *stop;

    if (word.len == 0)
        return false;
    for (; at < end; at = stop + 1) {
        stop = memchr(at, ':', (size_t)(end - at));
        if (!stop && !bare)
            return false;
        stop = stop ? stop : end;
        if ((size_t)(stop - at) >= word.len && (bare || stop + 1 < end) &&
            memcmp(stop - word.len, word.ptr, word.len) == 0)
            return true;
    }
    return false;
}

bool route_channel_is_internal(struct span name)
{
    char before = ':';

    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '_' && before == ':')
            return true;
        before = name.ptr[i];
    }
    return has_word(name, span_str("_probe"), false);
}

/* --- what is somebody's own --- */

/* The template of the row that names whose it is; NULL: it has none. */
static const char *own_template(const struct route *r)
{
    const char *const templates[] = {r->channel, r->channel2, r->key};

    for (size_t i = 0; i < sizeof templates / sizeof *templates; i++)
        if (strstr(templates[i], r->private_to))
            return templates[i];
    return NULL;
}

void route_note_own(struct route *r)
{
    const char *const templates[ROUTE_TEMPLATES] = {r->channel, r->channel2,
                                                    r->key};

    r->n_own = 0;
    for (size_t i = 0; r->private_to && i < ROUTE_TEMPLATES; i++)
        if (strstr(templates[i], r->private_to))
            r->own[r->n_own++] = kind_of(templates[i]);
}

static bool row_has_private(const struct route *r, struct span name)
{
    bool bare = r->channel[0] == '\0';

    for (unsigned i = 0; i < r->n_own; i++)
        if (has_word(name, r->own[i], bare))
            return true;
    return false;
}

bool route_is_private(const struct route_table *t, struct span name)
{
    for (unsigned i = 0; i < EVENT_TYPES; i++) {
        const struct route *r = route_of(t, (enum event_type)i);

        if (row_has_private(r, name))
            return true;
    }
    return false;
}

/* Is there a channel for everybody beside somebody's own? */
static bool row_is_mixed(const struct route *r)
{
    return r->private_to && r->channel[0] != '\0' &&
           !strstr(r->channel, r->private_to);
}

bool route_may_hold_private(const struct route_table *t, struct span channel)
{
    for (unsigned i = 0; i < EVENT_TYPES; i++) {
        const struct route *r = route_of(t, (enum event_type)i);

        if (row_is_mixed(r) && has_word(channel, kind_of(r->channel), false))
            return true;
    }
    return false;
}

enum naming { NAMES_NOBODY, NAMES_SOMEBODY, NAMES_BADLY };

/* Whom a JSON value names, in text, which has EVENT_NAME_MAX + 16 bytes. */
static enum naming read_owner(struct span value, char *text, struct span *name)
{
    size_t len = 0;

    if (span_is(value, "null") || span_is(value, "\"\""))
        return NAMES_NOBODY;
    if (value.ptr[0] == '"') {
        if (!scan_unescape(span_make(value.ptr + 1, value.len - 2), text,
                           EVENT_NAME_MAX, &len))
            return NAMES_BADLY;
    } else if (scan_is_digit(value.ptr[0]) && value.len <= EVENT_NAME_MAX) {
        memcpy(text, value.ptr, len = value.len);
    }
    *name = span_make(text, len);
    return event_name_ok(*name) ? NAMES_SOMEBODY : NAMES_BADLY;
}

/* The member named `key` of a valid object, or of the object in its `data`.
 * The last one that names anybody counts. */
static enum naming find_owner(struct span object, const char *key,
                              bool with_data, char *text, struct span *name)
{
    struct scan_member m = {.at = object.ptr};
    enum naming found = NAMES_NOBODY, how;

    while (scan_member_next(&m, object.ptr + object.len)) {
        if (scan_key_is(m.key, key))
            how = read_owner(m.value, text, name);
        else if (with_data && m.value.ptr[0] == '{' &&
                 scan_key_is(m.key, "data"))
            how = find_owner(m.value, key, false, text, name);
        else
            continue;
        found = how == NAMES_NOBODY ? found : how;
    }
    return found;
}

/* "{user_id}" is the member user_id, as it is in events. */
static bool row_target(const struct route *r, struct span object,
                       struct bytes *channel)
{
    char key[EVENT_NAME_MAX + 1], text[EVENT_NAME_MAX + 16] = {0};
    size_t n = strlen(r->private_to) - 2;
    const char *tmpl = own_template(r), *at;
    struct span name;
    enum naming how;

    memcpy(key, r->private_to + 1, n);
    key[n] = '\0';
    how = find_owner(object, key, true, text, &name);
    if (how == NAMES_NOBODY)
        return false;
    bytes_clear(channel);
    if (how == NAMES_BADLY || !tmpl)
        return true;
    at = strstr(tmpl, r->private_to);
    if (strcspn(tmpl, "{") != (size_t)(at - tmpl) || strchr(at + 1, '{'))
        return true; /* it needs more names than this one */
    bytes_add(channel, tmpl, (size_t)(at - tmpl));
    bytes_add_span(channel, name);
    bytes_add_str(channel, at + n + 2);
    return true;
}

/* Is the name in the text?  It has an underscore, and to look for that is
 * several times faster than memmem(). */
static bool has_name(struct span text, const char *name, size_t len)
{
    size_t at = (size_t)(strchr(name, '_') - name);
    const char *p, *end;

    if (text.len < len)
        return false;
    end = text.ptr + text.len - (len - at) + 1;
    for (p = text.ptr + at; (p = memchr(p, '_', (size_t)(end - p))) != NULL;
         p++)
        if (memcmp(p - at, name, len) == 0)
            return true;
    return false;
}

/* Is the name of a member that says whose it is in the text, or perhaps hidden
 * in an escape?  Nearly all messages are done with here. */
static bool may_name_somebody(const struct route_table *t, struct span text)
{
    const char *last = NULL;

    if (text.len == 0)
        return false;
    if (memchr(text.ptr, '\\', text.len))
        return true;
    for (unsigned i = 0; i < EVENT_TYPES; i++) {
        const char *name = route_of(t, (enum event_type)i)->private_to;

        if (!name || name == last)
            continue;
        if (has_name(text, name + 1, strlen(name) - 2))
            return true;
        last = name;
    }
    return false;
}

/* False: no type that there is. */
static bool read_type(struct span object, enum event_type *out)
{
    struct scan_member m = {.at = object.ptr};
    struct span type = {"", 0};

    while (scan_member_next(&m, object.ptr + object.len))
        if (scan_key_is(m.key, "type"))
            type = m.value;
    return type.len > 2 && type.ptr[0] == '"' &&
           event_type_of(span_make(type.ptr + 1, type.len - 2), out);
}

bool route_private_target(const struct route_table *t, struct span payload,
                          struct bytes *channel)
{
    enum event_type which = EVENT_TYPES;
    const char *bad, *end = payload.ptr + payload.len;
    bool known;

    if (!may_name_somebody(t, payload))
        return false;
    payload.ptr = scan_space(payload.ptr, end);
    payload.len = (size_t)(end - payload.ptr);
    if (payload.len == 0 || *payload.ptr != '{' || !scan_text(payload, &bad))
        return false;
    known = read_type(payload, &which);
    for (unsigned i = 0; i < EVENT_TYPES; i++) {
        const struct route *r = route_of(t, (enum event_type)i);
        bool mine = known ? i == which && r->private_to : row_is_mixed(r);

        if (mine && row_target(r, payload, channel))
            return true;
    }
    return false;
}

/* --- how it is delivered --- */

/* Templates without names are channels; others say what their kind is. */
static bool takes_in(struct span name, const char *tmpl)
{
    struct span kind = kind_of(tmpl);

    if (!strchr(tmpl, '{'))
        return tmpl[0] != '\0' && channel_name_matches(name, span_str(tmpl));
    return kind.len > 0 && name.len > kind.len && name.ptr[kind.len] == ':' &&
           memcmp(name.ptr, kind.ptr, kind.len) == 0;
}

enum route_mode route_mode_of(const struct route_table *t, struct span name)
{
    for (unsigned i = 0; i < EVENT_TYPES; i++) {
        const struct route *r = route_of(t, (enum event_type)i);

        if (r->mode == ROUTE_ALL &&
            (takes_in(name, r->channel) || takes_in(name, r->channel2)))
            return ROUTE_ALL;
    }
    return ROUTE_LATEST;
}

bool route_has_symbols(const struct route *r)
{
    return r->channel[0] != '\0' && !strchr(r->channel, '{') &&
           strstr(r->key, "{symbol}");
}

bool route_is_by_symbol(const struct route_table *t, struct span channel)
{
    for (unsigned i = 0; i < EVENT_TYPES; i++) {
        const struct route *r = route_of(t, (enum event_type)i);

        if (route_has_symbols(r) && span_is(channel, r->channel))
            return true;
    }
    return false;
}

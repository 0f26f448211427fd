#include "common/event/event_shape.h"

#include "common/json/scan.h"

/* What a member of a tick or trade is to event_read_strict(). */
static const struct {
    const char *key;
    uint16_t at;
    uint16_t text, number; /* kinds; VALUE_END: has no shape */
} known[] = {
    {"symbol", offsetof(struct event, symbol), VALUE_SYMBOL, VALUE_END},
    {"time", offsetof(struct event, time_ns), VALUE_END, VALUE_TIME},
    {"bid", offsetof(struct event, bid), VALUE_END, VALUE_PRICE},
    {"ask", offsetof(struct event, ask), VALUE_END, VALUE_PRICE},
    {"price", offsetof(struct event, price), VALUE_END, VALUE_PRICE},
    {"size", offsetof(struct event, size), VALUE_END, VALUE_SIZE},
    {"id", offsetof(struct event, id), VALUE_NAME, VALUE_DIGITS},
    {"side", offsetof(struct event, side), VALUE_TEXT, VALUE_END},
    {"src", offsetof(struct event, src), VALUE_TEXT, VALUE_END},
    {"seq", offsetof(struct event, seq), VALUE_END, VALUE_SEQ},
    /* Names that a tick may have though no route of its own asks for them. */
    {"expiry", 0, VALUE_END, VALUE_END},
    {"user_id", 0, VALUE_END, VALUE_END},
    {"event", 0, VALUE_END, VALUE_END},
    {"account_id", 0, VALUE_END, VALUE_END},
    {"resolution", 0, VALUE_END, VALUE_END},
};

/* Which value a member makes; false where a line with it has no shape.  A
 * value that is the same in every line of the shape makes none (*v is VALUE_END
 * then): the type, true, false, null. */
static bool value_of(const struct scan_member *m, struct value *v)
{
    bool text = m->value.ptr[0] == '"';
    bool number = scan_is_digit(m->value.ptr[0]) || m->value.ptr[0] == '-';

    if (memchr(m->key.ptr, '\\', m->key.len) || m->value.ptr[0] == '{' ||
        m->value.ptr[0] == '[')
        return false;
    v->kind = VALUE_END;
    v->at = offsetof(struct event, store);
    if (span_is(m->key, "type") || (!text && !number))
        return true;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!span_is(m->key, known[i].key))
            continue;
        v->kind = text ? known[i].text : known[i].number;
        v->at = known[i].at;
        return v->kind != VALUE_END;
    }
    v->kind = text ? VALUE_TEXT : VALUE_NUMBER;
    return true;
}

static bool set_before(struct value *v, const char *from, const char *to)
{
    /* Nor one that goes over lines: see event_reader_next(). */
    if (to - from > BETWEEN_MAX || memchr(from, '\n', (size_t)(to - from)))
        return false;
    memset(v->before, 0, sizeof v->before);
    memcpy(v->before, from, (size_t)(to - from));
    v->len = (uint8_t)(to - from);
    for (unsigned i = 0; i < BLOCK; i++)
        v->any[i] = (char)(i < v->len ? 0 : 0xff);
    for (unsigned i = 0; i < BLOCKS; i++) {
        unsigned own = v->len < BLOCK * i ? 0 : v->len - BLOCK * i;

        v->other[i] = (uint16_t)(own >= BLOCK ? 0 : 0xffffu << own);
    }
    return true;
}

/* Behind the last value stands one that is of no kind. */
static bool is_usual(const struct shape *shape)
{
    const struct value *v = shape->value;

    for (unsigned i = 1; i <= USUAL_VALUES && v[i - 1].kind != VALUE_END; i++)
        if (v[i].len > BLOCK)
            return false;
    return v[0].kind == VALUE_SYMBOL && v[1].kind == VALUE_TIME &&
           v[2].kind & VALUE_NUMBERS && v[3].kind & VALUE_NUMBERS;
}

bool event_shape_make(const struct event *ev, struct shape *shape)
{
    struct scan_member m = {.at = ev->text.ptr};
    const char *end = ev->text.ptr + ev->text.len, *from = ev->text.ptr;
    struct value *v = shape->value;
    size_t texts = 0; /* of all that stands between the values so far */

    shape->type = ev->type;
    shape->have = ev->have;
    while (scan_member_next(&m, end)) {
        unsigned quote = m.value.ptr[0] == '"';

        if (v == shape->value + VALUES_MAX - 1 || !value_of(&m, v))
            return false;
        if (v->kind == VALUE_END)
            continue;
        v->least = v->kind == VALUE_PRICE;
        /* See scan_number_inside(): a shape cannot begin with a price. */
        texts += (size_t)(m.value.ptr - from);
        if ((v->kind & VALUE_NUMBERS && texts < SCAN_BEFORE) ||
            !set_before(v, from, m.value.ptr + quote))
            return false;
        from = m.value.ptr + m.value.len - quote;
        v++;
    }
    v->kind = VALUE_END;
    if (!set_before(v, from, end))
        return false;
    shape->usual = is_usual(shape);
    return true;
}

#include "common/event/event.h"

#include "common/event/event_clear.h"
#include "common/event/event_field.h"
#include "common/event/event_name.h"
#include "common/event/event_number.h"
#include "common/event/event_time.h"
#include "common/event/resolution.h"
#include "common/json/scan.h"

/* What a type cannot do without: bits of fields. */
#define NEED(field) (1u << FIELD_##field)
static const uint32_t needs[EVENT_TYPES] = {
    [EVENT_TICK] = NEED(SYMBOL) | NEED(TIME), /* either side may be missing */
    [EVENT_TRADE] = NEED(SYMBOL) | NEED(TIME) | NEED(PRICE),
    /* Of its price and size nothing is asked: usually they are zero. */
    [EVENT_TRADE_EXCLUDED] = NEED(SYMBOL) | NEED(TIME) | NEED(ID),
    [EVENT_ORDERBOOK] = NEED(SYMBOL),
    [EVENT_BAR] = NEED(SYMBOL) | NEED(RESOLUTION) | NEED(BAR),
    [EVENT_PRICE_UPDATE] = NEED(SYMBOL),
    [EVENT_MARKET_STATUS] = 0,
    [EVENT_TRADING_ALERT] = 0,
    [EVENT_EXECUTION] = NEED(ACCOUNT_ID),
    [EVENT_ACCOUNT] = NEED(ACCOUNT_ID),
    [EVENT_POSITIONS] = NEED(ACCOUNT_ID),
    [EVENT_OPTION_CHAIN] = NEED(SYMBOL) | NEED(EXPIRY),
    [EVENT_IVDEX] = NEED(SYMBOL),
    [EVENT_EXCHANGE] = NEED(EVENT),
};
/* What a type may do without, but not have wrong. */
static const uint32_t checks[EVENT_TYPES] = {
    [EVENT_TICK] = NEED(BID) | NEED(ASK),
    [EVENT_TRADE] = NEED(SIZE),
    [EVENT_PRICE_UPDATE] = NEED(PRICE) | NEED(BID) | NEED(ASK),
    [EVENT_TRADING_ALERT] = NEED(USER_ID),
};

/* One line being read: what its steps share. */
struct reading {
    struct event_fields fields;
    const struct event_rules *rules;
    struct event *ev;
    const char *fault_at;
    size_t stored; /* bytes of ev->store in use */
};

static enum event_fault fault(struct reading *r, const char *at,
                              enum event_fault which)
{
    r->fault_at = at;
    return which;
}

/* The value of a field is wrong: point at it, quote included. */
static enum event_fault field_fault(struct reading *r, enum event_field field,
                                    enum event_fault which)
{
    const char *at = r->fields.value[field].ptr;

    return fault(r, event_fields_quoted(&r->fields, field) ? at - 1 : at,
                 which);
}

/* The end of the store stays free: names are checked 16 bytes at a time. */
enum { STORE_ROOM = sizeof((struct event *)NULL)->store - 16 };

static bool unescaped_text(struct reading *r, enum event_field field,
                           struct span *out)
{
    char *to = r->ev->store + r->stored;
    size_t len;

    if (!scan_unescape(r->fields.value[field], to, STORE_ROOM - r->stored,
                       &len))
        return false;
    *out = span_make(to, len);
    r->stored += len;
    return true;
}

/* A string field without its escapes; false where the store is full. */
static inline bool plain_text(struct reading *r, enum event_field field,
                              struct span *out)
{
    if (r->fields.escaped >> field & 1)
        return unescaped_text(r, field, out);
    *out = r->fields.value[field];
    return true;
}

static bool is_digits(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!scan_is_digit(s.ptr[i]))
            return false;
    return s.len > 0;
}

/* A field that becomes part of a channel name: a string or a whole number. */
static bool read_name(struct reading *r, enum event_field field,
                      struct span *out)
{
    struct span name;

    if (event_fields_quoted(&r->fields, field)) {
        if (!plain_text(r, field, &name) || !event_name_ok(name))
            return false;
    } else {
        name = r->fields.value[field];
        if (!is_digits(name) || name.len > EVENT_NAME_MAX ||
            field == FIELD_SYMBOL)
            return false;
    }
    *out = name;
    return true;
}

/* Where the event keeps what a field is read into. */
#define AT(member) offsetof(struct event, member)
static const size_t name_at[FIELDS] = {
    [FIELD_SYMBOL] = AT(symbol),         [FIELD_EXPIRY] = AT(expiry),
    [FIELD_USER_ID] = AT(user_id),       [FIELD_EVENT] = AT(exchange_event),
    [FIELD_ACCOUNT_ID] = AT(account_id), [FIELD_RESOLUTION] = AT(resolution),
};
enum {
    NAME_FIELDS = NEED(SYMBOL) | NEED(EXPIRY) | NEED(USER_ID) | NEED(EVENT) |
                  NEED(ACCOUNT_ID) | NEED(RESOLUTION),
    STAMP_FIELDS = NEED(SRC) | NEED(SEQ),
    IDENTITY_FIELDS = NEED(ID) | NEED(SIDE),
};

static void *field_at(struct event *ev, size_t offset)
{
    return (char *)ev + offset;
}

static enum event_field lowest(uint32_t fields)
{
    return (enum event_field)__builtin_ctz(fields);
}

/* False: it is wrong where it must not be. */
static inline bool name_ok(struct reading *r, enum event_field field,
                           struct span *out, uint32_t need, uint32_t check)
{
    uint32_t bit = 1u << field;

    return read_name(r, field, out) ||
           !(need & bit ||
             (check & bit && !event_fields_null(&r->fields, field)));
}

static enum event_fault read_names(struct reading *r, uint32_t need,
                                   uint32_t check)
{
    uint32_t left = r->fields.seen & NAME_FIELDS;

    if (left & NEED(SYMBOL) &&
        !name_ok(r, FIELD_SYMBOL, &r->ev->symbol, need, check))
        return field_fault(r, FIELD_SYMBOL, EVENT_BAD_SYMBOL);
    if (r->ev->symbol.len > 0)
        r->ev->have |= EVENT_HAS_SYMBOL;
    for (left &= ~NEED(SYMBOL); left; left &= left - 1) {
        enum event_field field = lowest(left);

        if (!name_ok(r, field, field_at(r->ev, name_at[field]), need, check))
            return field_fault(r, field, EVENT_BAD_NAME);
    }
    return EVENT_OK;
}

/* Of bars: they go to the channel of the name that bargen would give it. */
static enum event_fault read_resolution(struct reading *r)
{
    struct span *name = &r->ev->resolution;

    *name = resolution_canonical(*name);
    return name->len > 0 ? EVENT_OK
                         : field_fault(r, FIELD_RESOLUTION, EVENT_BAD_NAME);
}

static enum event_fault missing(struct reading *r, uint32_t fields)
{
    const char *at = r->ev->text.ptr;

    if (fields & NEED(SYMBOL))
        return fault(r, at, EVENT_NO_SYMBOL);
    if (fields & (NEED(TIME) | NEED(BAR)))
        return fault(r, at, EVENT_NO_TIME);
    if (fields & NEED(PRICE))
        return fault(r, at, EVENT_NO_PRICE);
    if (fields & NEED(ID))
        return fault(r, at, EVENT_NO_ID);
    return fault(r, at, EVENT_BAD_NAME);
}

/* False: event_number_read() has to look at it. */
static inline bool usual_number(struct reading *r, enum event_field field,
                                int64_t least, unsigned have,
                                struct decimal *out)
{
    const struct decimal *d = &r->fields.number[field];

    if (!(r->fields.seen & 1u << field))
        return true;
    if (d->scale == SCAN_NO_DECIMAL || d->mant < least)
        return false;
    /* Not as a whole: a load that is wider than the stores before it has to
     * wait for them. */
    out->mant = d->mant;
    out->scale = d->scale;
    r->ev->have |= have;
    return true;
}

static enum event_fault read_decimals(struct reading *r, uint32_t need,
                                      uint32_t check)
{
    struct event *ev = r->ev;
    enum event_field at;
    enum event_fault f;

    if (usual_number(r, FIELD_BID, 1, EVENT_HAS_BID, &ev->bid) &&
        usual_number(r, FIELD_ASK, 1, EVENT_HAS_ASK, &ev->ask) &&
        usual_number(r, FIELD_PRICE, 1, EVENT_HAS_PRICE, &ev->price) &&
        usual_number(r, FIELD_SIZE, 0, EVENT_HAS_SIZE, &ev->size))
        return EVENT_OK;
    f = event_number_read(&r->fields, r->rules, need, check, ev, &at);
    return f == EVENT_OK ? EVENT_OK : field_fault(r, at, f);
}

/* What is behind `timestamp` is in milliseconds always. */
static enum event_fault read_time(struct reading *r, enum event_field field)
{
    enum event_unit unit;
    enum event_fault f;

    if (field == FIELD_TIME && r->fields.time_ns > 0) {
        r->ev->time_ns = r->fields.time_ns;
        r->ev->have |= EVENT_HAS_TIME;
        return EVENT_OK;
    }
    if (!event_fields_have(&r->fields, field) ||
        event_fields_quoted(&r->fields, field))
        return EVENT_BAD_TIME;
    unit = field == FIELD_TIME ? r->rules->unit : EVENT_UNIT_MS;
    f = event_time_of_event(r->fields.value[field], unit, &r->ev->time_ns);
    if (f == EVENT_OK)
        r->ev->have |= EVENT_HAS_TIME;
    return f;
}

/* The time of a bar event is that of its bar. */
static enum event_fault read_bar(struct reading *r)
{
    struct span bar = r->fields.value[FIELD_BAR];
    struct scan_member m = {.at = bar.ptr};
    enum event_fault f;

    if (bar.ptr[0] != '{' || event_fields_quoted(&r->fields, FIELD_BAR))
        return field_fault(r, FIELD_BAR, EVENT_NO_TIME);
    while (scan_member_next(&m, bar.ptr + bar.len)) {
        if (!scan_key_is(m.key, "time"))
            continue;
        f = event_time_of_event(m.value, r->rules->unit, &r->ev->time_ns);
        if (f != EVENT_OK)
            return fault(r, m.value.ptr, f);
        r->ev->have |= EVENT_HAS_TIME;
        return EVENT_OK;
    }
    return fault(r, bar.ptr, EVENT_NO_TIME);
}

/* An event that needs no time may have one that is none. */
static enum event_fault read_times(struct reading *r, uint32_t need)
{
    enum event_fault f;

    if (need & NEED(BAR))
        return read_bar(r);
    f = read_time(r, FIELD_TIME);
    if (f == EVENT_OK)
        return EVENT_OK;
    if (need & NEED(TIME))
        return field_fault(r, FIELD_TIME, f);
    (void)read_time(r, FIELD_TIMESTAMP);
    return EVENT_OK;
}

static void read_stamps(struct reading *r)
{
    const struct event_fields *p = &r->fields;
    struct event *ev = r->ev;

    if (event_fields_quoted(p, FIELD_SRC) && plain_text(r, FIELD_SRC, &ev->src))
        ev->have |= EVENT_HAS_SRC;
    if (event_fields_have(p, FIELD_SEQ) && !event_fields_quoted(p, FIELD_SEQ) &&
        span_number(p->value[FIELD_SEQ], SPAN_DIGITS_MAX, &ev->seq))
        ev->have |= EVENT_HAS_SEQ;
}

static void read_identity(struct reading *r)
{
    const struct event_fields *p = &r->fields;
    struct event *ev = r->ev;
    char first;

    if (event_fields_quoted(p, FIELD_SIDE) &&
        plain_text(r, FIELD_SIDE, &ev->side))
        ev->have |= EVENT_HAS_SIDE;
    if (!event_fields_have(p, FIELD_ID))
        return;
    first = p->value[FIELD_ID].ptr[0];
    if (event_fields_quoted(p, FIELD_ID)) {
        /* An id too long for the store is as good an id with its escapes. */
        if (!plain_text(r, FIELD_ID, &ev->id))
            ev->id = p->value[FIELD_ID];
    } else if (scan_is_digit(first) || first == '-') {
        ev->id = p->value[FIELD_ID];
    }
    if (ev->id.len > 0)
        ev->have |= EVENT_HAS_ID;
}

static inline bool type_of(struct span name, enum event_type *out)
{
    if (name.len == 4 && memcmp(name.ptr, "tick", 4) == 0) {
        *out = EVENT_TICK;
        return true;
    }
    return event_type_of(name, out);
}

static enum event_fault read_type(struct reading *r)
{
    struct span name;

    if (!event_fields_have(&r->fields, FIELD_TYPE))
        return fault(r, r->ev->text.ptr, EVENT_NO_TYPE);
    if (!event_fields_quoted(&r->fields, FIELD_TYPE) ||
        !plain_text(r, FIELD_TYPE, &name) || !type_of(name, &r->ev->type))
        return field_fault(r, FIELD_TYPE, EVENT_UNKNOWN_TYPE);
    r->stored = 0; /* the name of the type is not kept */
    return EVENT_OK;
}

/* The object is JSON: is it an event? */
static enum event_fault read_object(struct reading *r)
{
    enum event_fault f;
    uint32_t need, check;

    if (r->fields.twice)
        return fault(r, r->fields.twice - 1, EVENT_DUPLICATE_KEY);
    if (r->fields.look_closer && !scan_unique(r->ev->text, &r->fault_at))
        return EVENT_DUPLICATE_KEY;
    f = read_type(r);
    if (f != EVENT_OK)
        return f;
    need = needs[r->ev->type];
    check = checks[r->ev->type];
    if (need & ~r->fields.seen)
        return missing(r, need & ~r->fields.seen);
    f = read_names(r, need, check);
    if (f == EVENT_OK && r->ev->type == EVENT_BAR)
        f = read_resolution(r);
    if (f == EVENT_OK)
        f = read_times(r, need);
    if (f == EVENT_OK)
        f = read_decimals(r, need, check);
    if (f == EVENT_OK && r->fields.seen & STAMP_FIELDS)
        read_stamps(r);
    if (f == EVENT_OK && r->fields.seen & IDENTITY_FIELDS)
        read_identity(r);
    if (f == EVENT_OK && need & NEED(ID) && r->ev->id.len == 0)
        f = field_fault(r, FIELD_ID, EVENT_NO_ID);
    return f;
}

enum event_fault event_syntax(struct span line, unsigned *column)
{
    const char *end = line.ptr + line.len, *at;
    enum event_fault f = EVENT_NOT_JSON;

    if (scan_text(line, &at)) {
        at = scan_space(line.ptr, end);
        f = *at == '{' ? EVENT_OK : EVENT_NOT_OBJECT;
    } else if (at < end && *at == '\0') {
        f = EVENT_NUL_BYTE;
    } else if (at < end && scan_utf8(at, end) == 0) {
        f = EVENT_BAD_UTF8;
    }
    if (f != EVENT_OK)
        *column = (unsigned)(at - line.ptr) + 1;
    return f;
}

enum event_fault event_read_by(const struct event_rules *rules,
                               struct span line, struct event *ev,
                               unsigned *column)
{
    const char *end = line.ptr + line.len, *stop = NULL;
    const char *s = scan_space(line.ptr, end);
    struct reading r; /* big: set step by step */
    enum event_fault f;

    r.ev = ev;
    r.rules = rules;
    r.stored = 0;
    if (s < end && *s == '{')
        stop = event_fields_scan(s, end, &r.fields);
    if (!stop || stop > end || scan_space(stop, end) != end) {
        *column = 1;
        f = event_syntax(line, column);
        /* The two scanners agree, which is fuzzed: it is never EVENT_OK. */
        return f != EVENT_OK ? f : EVENT_NOT_JSON;
    }
    if (rules->unit != EVENT_UNIT_MS)
        r.fields.time_ns = 0; /* was read as milliseconds */
    event_clear(ev, span_make(s, (size_t)(stop - s)));
    f = read_object(&r);
    if (f != EVENT_OK)
        *column = (unsigned)(r.fault_at - line.ptr) + 1;
    return f;
}

enum event_fault event_read_strict(struct span line, struct event *ev,
                                   unsigned *column)
{
    static const struct event_rules none;

    return event_read_by(&none, line, ev, column);
}

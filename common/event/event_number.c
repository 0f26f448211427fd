#include "common/event/event_number.h"

#include "common/json/scan.h"

static bool is_negative(const struct event_fields *p, enum event_field field)
{
    return event_fields_have(p, field) &&
           p->number[field].scale != SCAN_NO_DECIMAL &&
           p->number[field].mant < 0;
}

/* Of a price of zero or below.  Zero as one side of a quote says that there is
 * none, unless the other one is negative: then prices lie around zero. */
static bool is_allowed(const struct event_fields *p,
                       const struct event_rules *rules, enum event_field field)
{
    if (!rules->allow_negative)
        return false;
    if (field == FIELD_PRICE || is_negative(p, field))
        return true;
    return is_negative(p, field == FIELD_BID ? FIELD_ASK : FIELD_BID);
}

/* *has: the event has it as a price or a size. */
static enum event_fault look(const struct event_fields *p,
                             const struct event_rules *rules,
                             enum event_field field, bool *has)
{
    const struct decimal *d = &p->number[field];
    enum event_fault bad =
        field == FIELD_SIZE ? EVENT_BAD_SIZE : EVENT_BAD_PRICE;

    *has = false;
    if (d->scale == SCAN_NO_DECIMAL)
        return bad;
    if (field == FIELD_SIZE && d->mant < 0)
        return EVENT_BAD_SIZE;
    *has = field == FIELD_SIZE || d->mant > 0 || is_allowed(p, rules, field);
    return *has || (d->mant == 0 && field != FIELD_PRICE) ? EVENT_OK
                                                          : EVENT_LOW_PRICE;
}

enum event_fault event_number_read(const struct event_fields *p,
                                   const struct event_rules *rules,
                                   uint32_t need, uint32_t check,
                                   struct event *ev, enum event_field *at)
{
    struct {
        struct decimal *to;
        unsigned have;
    } of[] = {[FIELD_BID] = {&ev->bid, EVENT_HAS_BID},
              [FIELD_ASK] = {&ev->ask, EVENT_HAS_ASK},
              [FIELD_PRICE] = {&ev->price, EVENT_HAS_PRICE},
              [FIELD_SIZE] = {&ev->size, EVENT_HAS_SIZE}};

    for (unsigned i = FIELD_BID; i <= FIELD_SIZE; i++) {
        enum event_field field = (enum event_field)i;
        bool needed = need >> i & 1, has = false;
        bool asked = needed || (check >> i & 1 && !event_fields_null(p, field));
        enum event_fault f = EVENT_OK;

        ev->have &= ~of[i].have;
        if (event_fields_have(p, field))
            f = look(p, rules, field, &has);
        if (f != EVENT_OK && asked) {
            *at = field;
            return f;
        }
        *of[i].to = has ? p->number[field] : (struct decimal){0, 0};
        ev->have |= has ? of[i].have : 0;
    }
    return EVENT_OK;
}

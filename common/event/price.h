/*
 * price.h -- the latest price of a symbol, as price:{symbol} holds it.
 *
 * {"symbol","time","bid","ask","mid","spread"} of a quote,
 * {"symbol","time","price","size"} of a trade.  mid and spread are exact,
 * whatever digits that takes.
 */
#pragma once

#include "common/base/bytes.h"
#include "common/base/decimal.h"
#include "common/event/event.h"

struct price {
    enum event_type type;
    unsigned have; /* EVENT_HAS_* */
    int64_t time_ns;
    struct decimal bid, ask, price, size;
};

/* Of a tick or a trade. */
struct price price_of(const struct event *ev);
void price_json(struct bytes *out, struct span symbol, const struct price *p);

#include "wsgate/client/allowance.h"

enum { BYTE = 1000 }; /* small rates add up, too */

/* Of a masked frame with a payload of so many bytes (RFC 6455 5.2). */
int64_t allowance_frame_bytes(size_t payload)
{
    return (int64_t)payload + 6 + (payload < 126 ? 0 : payload < 65536 ? 2 : 8);
}

static int64_t most(const struct allowance_rule *rule)
{
    return rule->burst * ALLOWANCE_MESSAGE_BYTES * BYTE;
}

void allowance_open(struct allowance *a, const struct allowance_rule *rule,
                    uint32_t now_ms)
{
    *a = (struct allowance){.left = most(rule), .at_ms = now_ms};
}

void allowance_refill(struct allowance *a, const struct allowance_rule *rule,
                      uint32_t now_ms)
{
    double more = (double)(now_ms - a->at_ms) * rule->rate *
                  ALLOWANCE_MESSAGE_BYTES; /* BYTE thousandths of a second */

    a->at_ms = now_ms;
    if (more >= (double)(most(rule) - a->left))
        a->left = most(rule);
    else
        a->left += (int64_t)more;
}

bool allowance_other(struct allowance *a, const struct allowance_rule *rule,
                     int64_t bytes)
{
    int64_t least =
        -allowance_frame_bytes((size_t)rule->max_message_bytes) * BYTE -
        most(rule);

    a->left -= bytes * BYTE;
    if (a->left >= least)
        return true;
    a->left = least;
    return false;
}

bool allowance_message(struct allowance *a, size_t bytes)
{
    int64_t cost = INT64_C(1) * ALLOWANCE_MESSAGE_BYTES * BYTE;
    int64_t whole = allowance_frame_bytes(bytes) * BYTE;

    /* Its first parts may have been counted already. */
    if (a->left + whole < cost)
        return false;
    a->left -= whole > cost ? whole : cost;
    return true;
}

void allowance_names(struct allowance *a, size_t names)
{
    a->left -= (int64_t)names * ALLOWANCE_NAME_BYTES * BYTE;
}

bool allowance_bad(struct allowance *a, uint32_t now_ms)
{
    uint32_t forgiven = (now_ms - a->bad_ms) / ALLOWANCE_BAD_MS;

    if (a->bad == 0 || forgiven >= a->bad) {
        a->bad = 0;
        a->bad_ms = now_ms;
    } else {
        a->bad = (uint8_t)(a->bad - forgiven);
        a->bad_ms += forgiven * ALLOWANCE_BAD_MS;
    }
    a->bad++;
    return a->bad < ALLOWANCE_BAD_MAX;
}

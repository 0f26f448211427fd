#include "wsgate/ws/ws_utf8.h"

#include "common/json/scan.h"

enum { CHARACTER_MAX = 4 };

/* Can these bytes, too few for a character, be the first ones of one?  What
 * the second byte may be has a lower bound (against overlong forms) or an upper
 * one (surrogates, above U+10FFFF), never both: what is missing is filled with
 * the highest, then with the lowest byte that may follow any. */
static bool is_cut(const char *s, size_t len)
{
    static const char fill[] = {(char)0xbf, (char)0x80};

    for (unsigned i = 0; i < sizeof fill; i++) {
        char whole[CHARACTER_MAX];

        memset(whole, fill[i], sizeof whole);
        memcpy(whole, s, len);
        if (scan_utf8(whole, whole + sizeof whole) > len)
            return true;
    }
    return false;
}

bool ws_utf8_begins(struct span text, size_t *good)
{
    const char *s, *end;

    if (*good == text.len)
        return true; /* of nothing there may be no address */
    s = text.ptr + *good;
    end = text.ptr + text.len;
    while (s < end) {
        unsigned n;

        if ((unsigned char)*s < 0x80) {
            s++;
            continue;
        }
        n = scan_utf8(s, end);
        if (n == 0)
            break;
        s += n;
    }
    *good = (size_t)(s - text.ptr);
    return s == end ||
           (end - s < CHARACTER_MAX && is_cut(s, (size_t)(end - s)));
}

bool ws_utf8_ok(struct span text)
{
    size_t good = 0;

    return ws_utf8_begins(text, &good) && good == text.len;
}

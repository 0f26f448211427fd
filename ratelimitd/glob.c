#include "ratelimitd/glob.h"

bool glob_fits(const char *pattern, struct span text)
{
    const char *star = NULL;
    size_t at = 0, again = 0;

    /* Only the last star needs another try: linear for one, and never worse
     * than pattern times text. */
    while (at < text.len) {
        if (*pattern == '*') {
            star = pattern++;
            again = at;
        } else if (*pattern == text.ptr[at] && *pattern != '\0') {
            pattern++;
            at++;
        } else if (star) {
            pattern = star + 1;
            at = ++again;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

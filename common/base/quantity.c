#include "common/base/quantity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit time_units[] = {
    {"ms", 1},          {"s", 1000},         {"m", 60 * 1000},
    {"h", 3600 * 1000}, {"d", 86400 * 1000}, {NULL, 0},
};
static const struct unit size_units[] = {
    {"", 1},
    {"B", 1},
    {"K", 1 << 10},
    {"KiB", 1 << 10},
    {"M", 1 << 20},
    {"MiB", 1 << 20},
    {"G", 1 << 30},
    {"GiB", 1 << 30},
    {"kB", 1000},
    {"MB", 1000 * 1000},
    {"GB", 1000 * 1000 * 1000},
    {NULL, 0},
};

static bool with_unit(const char *text, const struct unit *units, int64_t *out)
{
    char *rest;
    long long n;

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    n = strtoll(text, &rest, 10);
    if (errno != 0)
        return false;
    for (const struct unit *u = units; u->name; u++) {
        if (strcmp(rest, u->name) != 0)
            continue;
        if (n > INT64_MAX / u->factor)
            return false;
        *out = n * u->factor;
        return true;
    }
    return false;
}

bool quantity_duration(const char *text, int64_t *ms)
{
    if (strcmp(text, "0") == 0) { /* zero of anything is zero */
        *ms = 0;
        return true;
    }
    return with_unit(text, time_units, ms);
}

bool quantity_size(const char *text, int64_t *bytes)
{
    return with_unit(text, size_units, bytes);
}

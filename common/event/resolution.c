#include "common/event/resolution.h"

#include <stdio.h>

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Leading digits without a leading zero; 0 where there are none. */
static int64_t read_count(struct span *name)
{
    int64_t n = 0;

    if (name->len > 0 && name->ptr[0] == '0')
        return 0;
    while (name->len > 0 && name->ptr[0] >= '0' && name->ptr[0] <= '9' &&
           n < 100000) {
        n = n * 10 + (name->ptr[0] - '0');
        name->ptr++;
        name->len--;
    }
    return n;
}

static enum resolution_fault grid(struct resolution *r, int64_t n, bool seconds,
                                  struct resolution *out)
{
    int64_t per_day = seconds ? 86400 : 1440;

    if (n < 1 || n > (seconds ? 3600 : 1440))
        return RESOLUTION_UNKNOWN;
    if (per_day % n != 0)
        return RESOLUTION_UNEVEN;
    r->unit = RESOLUTION_GRID;
    r->width_ns = n * (seconds ? NS_PER_SECOND : NS_PER_MINUTE);
    snprintf(r->name, sizeof r->name, "%d%s", (int)n, seconds ? "S" : "");
    *out = *r;
    return RESOLUTION_OK;
}

enum resolution_fault resolution_parse(struct span name, struct resolution *out)
{
    struct resolution r = {.unit = RESOLUTION_DAY, .width_ns = NS_PER_DAY};
    bool counted = name.len > 0 && name.ptr[0] >= '0' && name.ptr[0] <= '9';
    int64_t n = read_count(&name);

    if (name.len == 0)
        return grid(&r, n, false, out);
    if (name.len != 1)
        return RESOLUTION_UNKNOWN;
    if (name.ptr[0] == 'S')
        return grid(&r, counted ? n : 1, true, out);
    if (counted && n != 1)
        return RESOLUTION_UNKNOWN;
    if (name.ptr[0] == 'W') {
        r.unit = RESOLUTION_WEEK;
        r.width_ns = 7 * NS_PER_DAY;
    } else if (name.ptr[0] == 'M') {
        r.unit = RESOLUTION_MONTH;
        r.width_ns = 28 * NS_PER_DAY;
    } else if (name.ptr[0] != 'D') {
        return RESOLUTION_UNKNOWN;
    }
    snprintf(r.name, sizeof r.name, "%c", name.ptr[0]);
    *out = r;
    return RESOLUTION_OK;
}

struct span resolution_canonical(struct span name)
{
    struct resolution r;
    size_t n;

    if (resolution_parse(name, &r) != RESOLUTION_OK)
        return span_make(name.ptr, 0);
    n = strlen(r.name);
    if (n > name.len)
        return span_str("1S"); /* the one that grows: it was S */
    return span_make(name.ptr + name.len - n, n);
}

/* Days since the epoch of the first of a month, counted in years that begin in
 * March, so that the leap day is the last of its year. */
static int64_t month_first_day(int64_t year, int64_t month)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = floor_div(y, 400);
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5;

    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void month_of_day(int64_t day, int64_t *year, int64_t *month)
{
    int64_t z = day + 719468;
    int64_t era = floor_div(z, 146097);
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t mp = (5 * (doe - (365 * yoe + yoe / 4 - yoe / 100)) + 2) / 153;

    *month = mp < 10 ? mp + 3 : mp - 9;
    *year = yoe + era * 400 + (*month <= 2);
}

void resolution_bucket(const struct resolution *r, int64_t time_ns,
                       int64_t *start_ns, int64_t *end_ns)
{
    int64_t day = floor_div(time_ns, NS_PER_DAY);
    int64_t monday, year, month;

    switch (r->unit) {
    case RESOLUTION_MONTH:
        month_of_day(day, &year, &month);
        *start_ns = month_first_day(year, month) * NS_PER_DAY;
        *end_ns = month_first_day(month == 12 ? year + 1 : year,
                                  month == 12 ? 1 : month + 1) *
                  NS_PER_DAY;
        return;
    case RESOLUTION_WEEK:
        /* 1970-01-01 was a Thursday: three days after a Monday. */
        monday = floor_div(day + 3, 7) * 7 - 3;
        *start_ns = monday * NS_PER_DAY;
        break;
    case RESOLUTION_GRID:
    case RESOLUTION_DAY:
        *start_ns = floor_div(time_ns, r->width_ns) * r->width_ns;
        break;
    }
    *end_ns = *start_ns + r->width_ns;
}

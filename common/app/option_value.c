#include "common/app/option.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/quantity.h"
#include "common/http/http_network.h"

bool option_flag(const char *text, bool *value)
{
    static const char *const words[] = {"false", "true", "0",   "1",
                                        "no",    "yes",  "off", "on"};

    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *value = i % 2 == 1;
            return true;
        }
    }
    return false;
}

static bool set_flag(const char *text, bool *value, struct err *err)
{
    if (option_flag(text, value))
        return true;
    return err_set(err, ERR_USAGE, "'%s' is neither true nor false", text);
}

static bool in_range(const struct option_spec *row, int64_t n)
{
    return row->max <= row->min || (n >= row->min && n <= row->max);
}

static bool set_int(const struct option_spec *row, const char *text,
                    int64_t *value, struct err *err)
{
    char *rest;
    long long n;

    errno = 0;
    n = strtoll(text, &rest, 10);
    if (errno != 0 || rest == text || *rest != '\0' || text[0] == ' ')
        return err_set(err, ERR_USAGE, "'%s' is not a whole number", text);
    if (!in_range(row, n))
        return err_set(err, ERR_USAGE,
                       "%s is not within %" PRId64 " to %" PRId64, text,
                       row->min, row->max);
    *value = n;
    return true;
}

static bool set_rate(const char *text, double *value, struct err *err)
{
    char *rest;
    double d = strtod(text, &rest);

    if (rest == text || *rest != '\0' || !isfinite(d) || d <= 0)
        return err_set(err, ERR_USAGE, "'%s' is not a number above 0", text);
    *value = d;
    return true;
}

static bool set_amount(const struct option_spec *row, const char *text,
                       int64_t *value, struct err *err)
{
    bool time = row->kind == OPT_DURATION_MS;
    int64_t n;

    if (time ? !quantity_duration(text, &n) : !quantity_size(text, &n))
        return err_set(err, ERR_USAGE, "'%s' is not a %s (try %s)", text,
                       time ? "duration" : "size",
                       time ? "250ms, 5s, 2m, 1h, 1d" : "4096, 64KiB, 1MiB");
    if (!in_range(row, n))
        return err_set(err, ERR_USAGE,
                       "%s is not within %" PRId64 " to %" PRId64 " %s", text,
                       row->min, row->max, time ? "ms" : "bytes");
    *value = n;
    return true;
}

static bool set_choice(const struct option_spec *row, const char *text,
                       int *value, struct err *err)
{
    size_t len = strlen(text);
    int index = 0;

    for (const char *at = row->choices; at; index++) {
        const char *bar = strchr(at, '|');
        size_t n = bar ? (size_t)(bar - at) : strlen(at);
        if (n == len && strncasecmp(at, text, n) == 0) {
            *value = index;
            return true;
        }
        at = bar ? bar + 1 : NULL;
    }
    return err_set(err, ERR_USAGE, "'%s' is not one of %s", text, row->choices);
}

static bool add_str(const char *text, struct option_strs *list, struct err *err)
{
    if (list->count == OPTION_STRS_MAX)
        return err_set(err, ERR_USAGE, "more than %d values", OPTION_STRS_MAX);
    list->at[list->count++] = text;
    return true;
}

bool option_set(const struct option_spec *row, const char *text, void *opts,
                struct err *err)
{
    void *at = (char *)opts + row->offset;

    switch (row->kind) {
    case OPT_FLAG:
        return set_flag(text, at, err);
    case OPT_STR:
        *(const char **)at = text;
        return true;
    case OPT_INT:
        return set_int(row, text, at, err);
    case OPT_RATE:
        return set_rate(text, at, err);
    case OPT_DURATION_MS:
    case OPT_SIZE:
        return set_amount(row, text, at, err);
    case OPT_CHOICE:
        return set_choice(row, text, at, err);
    case OPT_STRS:
        return add_str(text, at, err);
    case OPT_NETWORKS:
        return http_networks_add(at, text, err);
    }
    return false;
}

#include "common/option.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/bytes.h"

/* Where a value came from, for messages: "--name" or "NAME". */
struct origin {
    const char *dashes; /* "--" or "" */
    const char *name;
};

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

bool option_duration(const char *text, int64_t *ms)
{
    if (strcmp(text, "0") == 0) { /* zero of anything is zero */
        *ms = 0;
        return true;
    }
    return with_unit(text, time_units, ms);
}

bool option_size(const char *text, int64_t *bytes)
{
    return with_unit(text, size_units, bytes);
}

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

static bool set_flag(const struct option_spec *row, const char *text,
                     bool *value, struct origin from, struct err *err)
{
    (void)row;
    if (option_flag(text, value))
        return true;
    return err_set(err, ERR_USAGE, "%s%s: '%s' is neither true nor false",
                   from.dashes, from.name, text);
}

static bool in_range(const struct option_spec *row, int64_t n)
{
    return row->max <= row->min || (n >= row->min && n <= row->max);
}

static bool set_int(const struct option_spec *row, const char *text,
                    int64_t *value, struct origin from, struct err *err)
{
    char *rest;
    long long n;

    errno = 0;
    n = strtoll(text, &rest, 10);
    if (errno != 0 || rest == text || *rest != '\0' || text[0] == ' ')
        return err_set(err, ERR_USAGE, "%s%s: '%s' is not a whole number",
                       from.dashes, from.name, text);
    if (!in_range(row, n))
        return err_set(err, ERR_USAGE,
                       "%s%s: %s is not within %" PRId64 " to %" PRId64,
                       from.dashes, from.name, text, row->min, row->max);
    *value = n;
    return true;
}

static bool set_rate(const char *text, double *value, struct origin from,
                     struct err *err)
{
    char *rest;
    double d = strtod(text, &rest);

    if (rest == text || *rest != '\0' || !isfinite(d) || d <= 0)
        return err_set(err, ERR_USAGE, "%s%s: '%s' is not a number above 0",
                       from.dashes, from.name, text);
    *value = d;
    return true;
}

static bool set_amount(const struct option_spec *row, const char *text,
                       int64_t *value, struct origin from, struct err *err)
{
    bool time = row->kind == OPT_DURATION_MS;
    int64_t n;

    if (time ? !option_duration(text, &n) : !option_size(text, &n))
        return err_set(err, ERR_USAGE, "%s%s: '%s' is not a %s (try %s)",
                       from.dashes, from.name, text, time ? "duration" : "size",
                       time ? "250ms, 5s, 2m, 1h, 1d" : "4096, 64KiB, 1MiB");
    if (!in_range(row, n))
        return err_set(err, ERR_USAGE,
                       "%s%s: %s is not within %" PRId64 " to %" PRId64 " %s",
                       from.dashes, from.name, text, row->min, row->max,
                       time ? "ms" : "bytes");
    *value = n;
    return true;
}

static bool set_choice(const struct option_spec *row, const char *text,
                       int *value, struct origin from, struct err *err)
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
    return err_set(err, ERR_USAGE, "%s%s: '%s' is not one of %s", from.dashes,
                   from.name, text, row->choices);
}

static bool add_str(const char *text, struct option_strs *list,
                    struct origin from, struct err *err)
{
    if (list->count == OPTION_STRS_MAX)
        return err_set(err, ERR_USAGE, "%s%s: more than %d values", from.dashes,
                       from.name, OPTION_STRS_MAX);
    list->at[list->count++] = text;
    return true;
}

static bool set(const struct option_spec *row, const char *text, void *opts,
                struct origin from, struct err *err)
{
    void *at = (char *)opts + row->offset;

    switch (row->kind) {
    case OPT_FLAG:
        return set_flag(row, text, at, from, err);
    case OPT_STR:
        *(const char **)at = text;
        return true;
    case OPT_INT:
        return set_int(row, text, at, from, err);
    case OPT_RATE:
        return set_rate(text, at, from, err);
    case OPT_DURATION_MS:
    case OPT_SIZE:
        return set_amount(row, text, at, from, err);
    case OPT_CHOICE:
        return set_choice(row, text, at, from, err);
    case OPT_STRS:
        return add_str(text, at, from, err);
    }
    return false;
}

/* "a,b,c" from the environment.  The copy lives as long as the process. */
static bool add_list(const struct option_spec *row, const char *value,
                     void *opts, struct origin from, struct err *err)
{
    char *at = mem_str(span_str(value));

    for (;;) {
        char *comma = strchr(at, ',');
        if (comma)
            *comma = '\0';
        if (*at != '\0' && !set(row, at, opts, from, err))
            return false;
        if (!comma)
            return true;
        at = comma + 1;
    }
}

static bool env_table(const struct option_spec *table, void *opts,
                      struct err *err)
{
    for (const struct option_spec *row = table; row && row->name; row++) {
        const char *value = row->env ? getenv(row->env) : NULL;
        struct origin from = {"", row->env};

        if (!value || *value == '\0')
            continue;
        if (row->kind == OPT_STRS ? !add_list(row, value, opts, from, err)
                                  : !set(row, value, opts, from, err))
            return false;
    }
    return true;
}

bool option_env(const struct cli *cli, void *opts, struct err *err)
{
    return env_table(cli->common, opts, err) &&
           env_table(cli->table, opts, err);
}

/* --- the command line --- */

struct walk {
    const struct cli *cli;
    int argc, at;
    char **argv;
    void *opts;
    const struct option_spec *lists[OPTION_ROWS_MAX]; /* OPT_STRS begun anew */
    unsigned n_lists;
};

static const struct option_spec *by_name(const struct cli *cli,
                                         struct span name)
{
    const struct option_spec *tables[] = {cli->table, cli->common};

    for (unsigned t = 0; t < 2; t++)
        for (const struct option_spec *r = tables[t]; r && r->name; r++)
            if (span_is(name, r->name))
                return r;
    return NULL;
}

static const struct option_spec *by_letter(const struct cli *cli, char letter)
{
    const struct option_spec *tables[] = {cli->table, cli->common};

    for (unsigned t = 0; t < 2; t++)
        for (const struct option_spec *r = tables[t]; r && r->name; r++)
            if (r->letter != 0 && r->letter == letter)
                return r;
    return NULL;
}

/* Edit distance (insert, delete, replace), for names up to 31 bytes. */
static unsigned distance(struct span a, const char *b)
{
    unsigned row[33];
    size_t nb = strlen(b);

    if (a.len > 31 || nb > 31)
        return 99;
    for (unsigned j = 0; j <= nb; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= nb; j++) {
            unsigned best = diagonal + (a.ptr[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[nb];
}

static bool no_such(const struct cli *cli, struct span name, struct err *err)
{
    const struct option_spec *tables[] = {cli->table, cli->common};
    const char *nearest = NULL;
    unsigned least = name.len < 5 ? 2 : 3; /* less than this is "close" */

    for (unsigned t = 0; t < 2; t++) {
        for (const struct option_spec *r = tables[t]; r && r->name; r++) {
            unsigned d = distance(name, r->name);
            if (d < least) {
                least = d;
                nearest = r->name;
            }
        }
    }
    if (nearest)
        return err_set(err, ERR_USAGE,
                       "--%.*s: no such option (did you mean --%s?)",
                       SPAN_ARG(name), nearest);
    return err_set(err, ERR_USAGE, "--%.*s: no such option", SPAN_ARG(name));
}

static bool set_from_argv(struct walk *w, const struct option_spec *row,
                          const char *value, struct err *err)
{
    struct option_strs *list;
    unsigned i = 0;

    if (row->kind == OPT_STRS) {
        while (i < w->n_lists && w->lists[i] != row)
            i++;
        if (i == w->n_lists && i < OPTION_ROWS_MAX) {
            /* First one here: it replaces what the environment said. */
            w->lists[w->n_lists++] = row;
            list = (void *)((char *)w->opts + row->offset);
            list->count = 0;
        }
    }
    return set(row, value, w->opts, (struct origin){"--", row->name}, err);
}

/* The option's value is what follows '=', or the next word. */
static bool take_value(struct walk *w, const struct option_spec *row,
                       const char *attached, struct err *err)
{
    if (attached)
        return set_from_argv(w, row, attached, err);
    if (row->kind == OPT_FLAG)
        return set_from_argv(w, row, "true", err);
    if (w->at + 1 >= w->argc)
        return err_set(err, ERR_USAGE, "--%s: needs a value (%s)", row->name,
                       row->metavar ? row->metavar : "VALUE");
    w->at++;
    return set_from_argv(w, row, w->argv[w->at], err);
}

static bool long_option(struct walk *w, const char *text, struct err *err)
{
    const char *equals = strchr(text, '=');
    struct span name =
        equals ? span_make(text, (size_t)(equals - text)) : span_str(text);
    const struct option_spec *row = by_name(w->cli, name);

    if (row)
        return take_value(w, row, equals ? equals + 1 : NULL, err);
    if (span_starts(name, "no-") && !equals) {
        row = by_name(w->cli, span_make(name.ptr + 3, name.len - 3));
        if (row && row->kind == OPT_FLAG)
            return set_from_argv(w, row, "false", err);
    }
    return no_such(w->cli, name, err);
}

static bool short_option(struct walk *w, const char *text, struct err *err)
{
    const struct option_spec *row = by_letter(w->cli, text[0]);

    if (row && text[1] == '\0')
        return take_value(w, row, NULL, err);
    return err_set(err, ERR_USAGE, "-%s: no such option", text);
}

bool option_argv(const struct cli *cli, int argc, char **argv, void *opts,
                 struct err *err)
{
    struct walk w = {.cli = cli, .argc = argc, .argv = argv, .opts = opts};

    for (w.at = 1; w.at < argc; w.at++) {
        const char *word = argv[w.at];

        if (strcmp(word, "--") == 0 && w.at + 1 == argc)
            return true;
        if (strncmp(word, "--", 2) == 0 && word[2] != '\0') {
            if (!long_option(&w, word + 2, err))
                return false;
        } else if (word[0] == '-' && word[1] != '\0' && word[1] != '-') {
            if (!short_option(&w, word + 1, err))
                return false;
        } else {
            return err_set(err, ERR_USAGE, "'%s': only options are understood",
                           word);
        }
    }
    return true;
}

/* --- --help --- */

enum { LEFT_MAX = 64, LEFT_WIDE = 30 };

static int left_side(const struct option_spec *row, char text[LEFT_MAX])
{
    char letter[5] = "    ";

    if (row->letter)
        snprintf(letter, sizeof letter, "-%c, ", row->letter);
    return snprintf(text, LEFT_MAX, "  %s--%s%s%s", letter, row->name,
                    row->metavar ? " " : "", row->metavar ? row->metavar : "");
}

static int widest(const struct option_spec *table, int width)
{
    char text[LEFT_MAX];

    for (const struct option_spec *r = table; r && r->name; r++) {
        int n = left_side(r, text);
        if (n > width && n <= LEFT_WIDE)
            width = n;
    }
    return width;
}

static void print_table(const struct option_spec *table, int width)
{
    char text[LEFT_MAX];

    for (const struct option_spec *r = table; r && r->name; r++) {
        if (!r->help)
            continue;
        left_side(r, text);
        printf("%-*s  %s", width, text, r->help);
        if (r->env)
            printf(" [%s]", r->env);
        printf("\n");
    }
}

/* Rows without a text: rarely needed, so that the page stays one page. */
static void print_others(const struct option_spec *table)
{
    bool any = false;

    for (const struct option_spec *r = table; r && r->name; r++) {
        if (r->help)
            continue;
        printf("%s --%s", any ? "" : "\nAlso, see the manual:", r->name);
        any = true;
    }
    if (any)
        printf("\n");
}

void option_help(const struct cli *cli)
{
    int width = widest(cli->common, widest(cli->table, 14));

    printf("usage: %s %s\n%s\n\n", cli->tool, cli->synopsis, cli->summary);
    print_table(cli->table, width);
    print_table(cli->common, width);
    printf("%-*s  %s\n", width, "  -h, --help", "print this and exit");
    printf("%-*s  %s\n", width, "      --version",
           "print the version and exit");
    print_others(cli->table);
    if (cli->epilog)
        printf("\n%s\n", cli->epilog);
}

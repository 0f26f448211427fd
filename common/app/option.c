#include "common/app/option.h"

#include <stdlib.h>

#include "common/base/bytes.h"
#include "common/http/http_network.h"

/* Copies of lists from the environment: options point into them, so they live
 * as long as the process, and stay reachable for leak checkers. */
static char *kept[OPTION_ROWS_MAX];
static unsigned n_kept;

/* The error begins with where the value came from: "--name" or "NAME". */
static bool set(const struct option_spec *row, const char *text, void *opts,
                const char *dashes, struct err *err)
{
    struct err cause = {0};

    return option_set(row, text, opts, &cause) ||
           err_set(err, cause.code, "%s%s: %s", dashes,
                   *dashes ? row->name : row->env, cause.text);
}

/* "a,b,c" from the environment. */
static bool add_list(const struct option_spec *row, const char *value,
                     void *opts, struct err *err)
{
    char *at = mem_str(span_str(value));

    if (n_kept < OPTION_ROWS_MAX)
        kept[n_kept++] = at;
    for (;;) {
        char *comma = strchr(at, ',');
        if (comma)
            *comma = '\0';
        if (*at != '\0' && !set(row, at, opts, "", err))
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

        if (!value || *value == '\0')
            continue;
        if (row->kind == OPT_STRS ? !add_list(row, value, opts, err)
                                  : !set(row, value, opts, "", err))
            return false;
    }
    return true;
}

bool option_env(const struct cli *cli, void *opts, struct err *err)
{
    return env_table(cli->common, opts, err) &&
           env_table(cli->table, opts, err);
}

struct walk {
    const struct cli *cli;
    int argc, at;
    char **argv;
    void *opts;
    const struct option_spec *lists[OPTION_ROWS_MAX]; /* that were begun anew */
    unsigned n_lists;
};

/* By its letter, or, where that is 0, by its name. */
static const struct option_spec *find(const struct cli *cli, char letter,
                                      struct span name)
{
    const struct option_spec *tables[] = {cli->table, cli->common};

    for (unsigned t = 0; t < 2; t++)
        for (const struct option_spec *r = tables[t]; r && r->name; r++)
            if (letter ? r->letter == letter : span_is(name, r->name))
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

/* Its first value here replaces what the environment said. */
static void begin_list(struct walk *w, const struct option_spec *row)
{
    void *at = (char *)w->opts + row->offset;

    for (unsigned i = 0; i < w->n_lists; i++)
        if (w->lists[i] == row)
            return;
    if (w->n_lists == OPTION_ROWS_MAX)
        return;
    w->lists[w->n_lists++] = row;
    if (row->kind == OPT_STRS)
        ((struct option_strs *)at)->count = 0;
    else
        ((struct http_networks *)at)->count = 0;
}

static bool set_from_argv(struct walk *w, const struct option_spec *row,
                          const char *value, struct err *err)
{
    if (row->kind == OPT_STRS || row->kind == OPT_NETWORKS)
        begin_list(w, row);
    return set(row, value, w->opts, "--", err);
}

static bool is_switch(const struct option_spec *row)
{
    return row->kind == OPT_FLAG || row->kind == OPT_NETWORKS;
}

/* The option's value is what follows '=', or the next word. */
static bool take_value(struct walk *w, const struct option_spec *row,
                       const char *attached, struct err *err)
{
    if (attached)
        return set_from_argv(w, row, attached, err);
    if (is_switch(row))
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
    const struct option_spec *row = find(w->cli, 0, name);

    if (row)
        return take_value(w, row, equals ? equals + 1 : NULL, err);
    if (span_starts(name, "no-") && !equals) {
        row = find(w->cli, 0, span_make(name.ptr + 3, name.len - 3));
        if (row && is_switch(row))
            return set_from_argv(w, row, "false", err);
    }
    return no_such(w->cli, name, err);
}

static bool short_option(struct walk *w, const char *text, struct err *err)
{
    const struct option_spec *row = find(w->cli, text[0], span_str(text));

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

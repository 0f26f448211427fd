#include <stdio.h>

#include "common/app/option.h"

enum { LEFT_MAX = 64, LEFT_WIDE = 30 };

static int left_side(const struct option_spec *row, char text[LEFT_MAX])
{
    char letter[5] = "    ";
    const char *value = row->metavar ? row->metavar : "";

    if (row->letter)
        snprintf(letter, sizeof letter, "-%c, ", row->letter);
    if (row->kind == OPT_NETWORKS)
        return snprintf(text, LEFT_MAX, "  %s--%s[=%s]", letter, row->name,
                        value);
    return snprintf(text, LEFT_MAX, "  %s--%s%s%s", letter, row->name,
                    row->metavar ? " " : "", value);
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
    for (const struct option_spec *r = table; r && r->name; r++)
        if (!r->help)
            printf(" --%s", r->name);
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
    printf("\nAlso, see the manual:");
    print_others(cli->table);
    print_others(cli->common);
    printf("\n");
    if (cli->epilog)
        printf("\n%s\n", cli->epilog);
}

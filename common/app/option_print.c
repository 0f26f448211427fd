#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/app/option.h"
#include "common/http/http_network.h"

static void print_choice(const char *choices, int index)
{
    while (index-- > 0)
        choices = strchr(choices, '|') + 1;
    printf("%.*s", (int)strcspn(choices, "|"), choices);
}

static void print_list(const struct option_strs *list)
{
    for (unsigned i = 0; i < list->count; i++)
        printf("%s%s", i > 0 ? "," : "", list->at[i]);
}

static void print_networks(const struct http_networks *set)
{
    struct bytes text = {0};

    http_networks_text(set, &text);
    printf("%.*s", (int)text.len, text.ptr);
    bytes_close(&text);
}

/* Below what may be given: the default that stands for "not given". */
static void print_number(const struct option_spec *row, int64_t n,
                         const char *unit)
{
    if (row->max <= row->min || n >= row->min)
        printf("%" PRId64 "%s", n, unit);
}

static void print_value(const struct option_spec *row, const void *at)
{
    const char *const *text = at;

    switch (row->kind) {
    case OPT_FLAG:
        printf("%s", *(const bool *)at ? "true" : "false");
        break;
    case OPT_STR:
        printf("%s", *text ? *text : "");
        break;
    case OPT_INT:
    case OPT_SIZE:
        print_number(row, *(const int64_t *)at, "");
        break;
    case OPT_RATE:
        printf("%.15g", *(const double *)at);
        break;
    case OPT_DURATION_MS:
        print_number(row, *(const int64_t *)at, "ms");
        break;
    case OPT_CHOICE:
        print_choice(row->choices, *(const int *)at);
        break;
    case OPT_STRS:
        print_list(at);
        break;
    case OPT_NETWORKS:
        print_networks(at);
        break;
    }
}

void option_print_env(const struct option_spec *table, const void *opts)
{
    for (const struct option_spec *r = table; r && r->name; r++) {
        if (!r->env)
            continue;
        printf("%s=", r->env);
        print_value(r, (const char *)opts + r->offset);
        printf("\n");
    }
}

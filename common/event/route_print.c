#include "common/event/route.h"

enum { SECOND_MS = 1000 };

static void print_cell(struct bytes *out, const char *prefix, const char *name,
                       size_t width)
{
    size_t from = out->len;

    if (name[0] == '\0') {
        bytes_add_str(out, "-");
    } else {
        bytes_add_str(out, prefix);
        bytes_add_str(out, name);
    }
    do
        bytes_add_str(out, " ");
    while (out->len - from < width);
}

static void print_duration(struct bytes *out, int64_t ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"h", 3600 * SECOND_MS}, {"s", SECOND_MS}, {"ms", 1}};
    size_t i = 0;

    while (ms % units[i].ms != 0)
        i++;
    bytes_add_int(out, ms / units[i].ms);
    bytes_add_str(out, units[i].unit);
}

static void print_key_life(struct bytes *out, const struct route *r)
{
    struct bytes life;

    bytes_init(&life);
    bytes_add_str(&life, route_key_kind_name(r->key_kind));
    if (r->key_keep > 0) {
        bytes_add_str(&life, ",");
        bytes_add_int(&life, r->key_keep);
    }
    if (r->key_ttl_ms > 0) {
        bytes_add_str(&life, ",");
        print_duration(&life, r->key_ttl_ms);
    }
    bytes_add(&life, "", 1);
    print_cell(out, "", r->key_kind == ROUTE_KEY_NONE ? "" : life.ptr, 20);
    bytes_close(&life);
}

/* What a slow reader of the channels gets. */
static void print_delivery(struct bytes *out, const struct route *r)
{
    print_cell(out, "",
               r->channel[0] == '\0'  ? ""
               : r->mode == ROUTE_ALL ? "all"
               : route_has_symbols(r) ? "latest,symbol"
                                      : "latest",
               17);
}

/* The member that says whose own it is: {account_id} without its braces. */
static void print_owner(struct bytes *out, const struct route *r)
{
    struct bytes name;

    bytes_init(&name);
    if (r->private_to)
        bytes_add(&name, r->private_to + 1, strlen(r->private_to) - 2);
    bytes_add(&name, "", 1);
    print_cell(out, "", name.ptr, 13);
    bytes_close(&name);
}

void route_print(const struct route_table *t, const char *prefix,
                 struct bytes *out)
{
    size_t wide = strlen(prefix);

    print_cell(out, "", "TYPE", 15);
    print_cell(out, "", "CHANNEL", 32 + wide);
    print_cell(out, "", "ALSO", 18 + wide);
    print_cell(out, "", "KEY", 42 + wide);
    print_cell(out, "", "KIND", 20);
    print_cell(out, "", "STREAM", 32 + wide);
    print_cell(out, "", "DELIVERED", 17);
    print_cell(out, "", "OWNER", 13);
    bytes_add_str(out, "JOURNAL PROFILE\n");
    for (unsigned i = 0; i < EVENT_TYPES; i++) {
        const struct route *r = route_of(t, (enum event_type)i);

        print_cell(out, "", event_type_name(r->type), 15);
        print_cell(out, prefix, r->channel, 32 + wide);
        print_cell(out, prefix, r->channel2, 18 + wide);
        print_cell(out, prefix, r->key, 42 + wide);
        print_key_life(out, r);
        print_cell(out, prefix, r->stream, 32 + wide);
        print_delivery(out, r);
        print_owner(out, r);
        print_cell(out, "", r->journal ? "yes" : "", 8);
        bytes_add_str(out, r->profile);
        bytes_add_str(out, "\n");
    }
}

#include "bargen/core/message.h"

#include "common/json/json_writer.h"

static void add_price(struct bytes *out, const char *name, struct decimal d)
{
    char text[DECIMAL_TEXT_MAX];
    unsigned len = decimal_format(d, text);

    bytes_add_str(out, name);
    bytes_add(out, text, len);
}

static void add_sum(struct bytes *out, const char *name,
                    const struct decimal_sum *s)
{
    char text[DECIMAL_SUM_TEXT_MAX];
    unsigned len = decimal_sum_format(s, text);

    bytes_add_str(out, name);
    bytes_add(out, text, len);
}

/* Bars of quotes have no sizes: their volume is the number of quotes. */
static void add_volume(struct bytes *out, const struct bar *bar)
{
    struct decimal_sum volume = bar->flags & BAR_QUOTES
                                    ? decimal_sum_of(bar->count, 0)
                                    : bar_volume(bar);

    add_sum(out, ",\"volume\":", &volume);
    bytes_add_str(out, ",\"count\":");
    bytes_add_int(out, (int64_t)bar->count);
}

void message_bar(struct bytes *out, struct span symbol,
                 const struct resolution *r, const struct bar *bar,
                 enum bar_issue how, const char *source)
{
    bool partial = bar->flags & BAR_PARTIAL || how == BAR_UNFINISHED;
    struct decimal_sum vwap;

    bytes_add_str(out, "{\"type\":\"bar\",\"symbol\":");
    json_quote(out, symbol);
    bytes_add_str(out, ",\"resolution\":\"");
    bytes_add_str(out, r->name);
    bytes_add_str(out, "\",\"bar\":{\"time\":");
    bytes_add_int(out, bar->start_ns / NS_PER_MS);
    add_price(out, ",\"open\":", bar->open);
    add_price(out, ",\"high\":", bar->high);
    add_price(out, ",\"low\":", bar->low);
    add_price(out, ",\"close\":", bar->close);
    add_volume(out, bar);
    if (bar_vwap(bar, &vwap))
        add_sum(out, ",\"vwap\":", &vwap);
    bytes_add_str(out, ",\"end\":");
    bytes_add_int(out, bar->end_ns / NS_PER_MS);
    bytes_add_str(out, how == BAR_FINAL ? ",\"final\":true,\"rev\":"
                                        : ",\"final\":false,\"rev\":");
    bytes_add_int(out, bar->rev);
    if (partial)
        bytes_add_str(out, ",\"partial\":true");
    if (bar->flags & (BAR_GAP | BAR_HOLE | BAR_JUMP))
        bytes_add_str(out, ",\"gap\":true");
    if (bar->flags & BAR_FILL)
        bytes_add_str(out, ",\"fill\":true");
    bytes_add_str(out, source ? "},\"source\":\"" : "}");
    if (source) {
        bytes_add_str(out, source);
        bytes_add_str(out, "\"");
    }
    bytes_add_str(out, "}");
}

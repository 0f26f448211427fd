#include "common/base/metrics.h"

#include <assert.h>

static struct metric *first;
static uint64_t renderings;

static bool same_name(const struct metric *a, const struct metric *b)
{
    return a->name == b->name || strcmp(a->name, b->name) == 0;
}

/* Samples of one name must stand together, under one HELP and TYPE: a new one
 * goes behind the last of its name. */
void metrics_add(struct metric *m)
{
    struct metric **at = &first, **behind = NULL;

    for (; *at; at = &(*at)->next) {
        if (*at == m)
            return;
        if (same_name(*at, m))
            behind = &(*at)->next;
    }
    if (!behind)
        behind = at;
    m->next = *behind;
    *behind = m;
}

void metrics_add_all(struct metric *m, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        metrics_add(&m[i]);
}

void metrics_observe(struct metric *m, uint64_t value)
{
    unsigned i = 0;

    assert(m->kind == METRIC_HISTOGRAM);
    while (i < m->n_bounds && value > m->bounds[i])
        i++;
    m->counts[i]++;
    m->value++;
    m->sum += value;
}

static void add_number(const struct metric *m, uint64_t value,
                       struct bytes *out)
{
    if (m->scale > 0)
        bytes_printf(out, "%.10g", (double)value * m->scale);
    else
        bytes_add_uint(out, value);
}

/* name ending{labels}, or without the braces where there are none. */
static void begin_line(const struct metric *m, const char *ending,
                       struct bytes *out)
{
    bytes_add_str(out, m->name);
    bytes_add_str(out, ending);
    if (m->labels) {
        bytes_add(out, "{", 1);
        bytes_add_str(out, m->labels);
        bytes_add(out, "}", 1);
    }
    bytes_add(out, " ", 1);
}

static void begin_bucket(const struct metric *m, struct bytes *out)
{
    bytes_add_str(out, m->name);
    bytes_add_str(out, "_bucket{");
    if (m->labels) {
        bytes_add_str(out, m->labels);
        bytes_add(out, ",", 1);
    }
    bytes_add_str(out, "le=\"");
}

static void end_bucket(uint64_t count, struct bytes *out)
{
    bytes_add_str(out, "\"} ");
    bytes_add_uint(out, count);
    bytes_add(out, "\n", 1);
}

static void add_histogram(const struct metric *m, struct bytes *out)
{
    uint64_t count = 0;

    for (unsigned i = 0; i < m->n_bounds; i++) {
        count += m->counts[i];
        begin_bucket(m, out);
        add_number(m, m->bounds[i], out);
        end_bucket(count, out);
    }
    count += m->counts[m->n_bounds];
    begin_bucket(m, out);
    bytes_add_str(out, "+Inf");
    end_bucket(count, out);
    begin_line(m, "_sum", out);
    add_number(m, m->sum, out);
    bytes_add(out, "\n", 1);
    begin_line(m, "_count", out);
    bytes_add_uint(out, count);
    bytes_add(out, "\n", 1);
}

static void add_sample(const struct metric *m, struct bytes *out)
{
    if (m->kind == METRIC_HISTOGRAM) {
        add_histogram(m, out);
        return;
    }
    begin_line(m, "", out);
    add_number(m, m->read ? m->read(m->arg) : m->value, out);
    bytes_add(out, "\n", 1);
}

static void add_help(const struct metric *m, struct bytes *out)
{
    static const char *const kinds[] = {" counter\n", " gauge\n",
                                        " histogram\n"};

    bytes_add_str(out, "# HELP ");
    bytes_add_str(out, m->name);
    bytes_add(out, " ", 1);
    bytes_add_str(out, m->help);
    bytes_add_str(out, "\n# TYPE ");
    bytes_add_str(out, m->name);
    bytes_add_str(out, kinds[m->kind]);
}

/* No printf but for fractions: it was half of the time. */
void metrics_render(struct bytes *out)
{
    const struct metric *before = NULL;

    renderings++;
    for (const struct metric *m = first; m; m = m->next) {
        if (!before || !same_name(before, m))
            add_help(m, out);
        add_sample(m, out);
        before = m;
    }
}

uint64_t metrics_rendering(void)
{
    return renderings;
}

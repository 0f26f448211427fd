#include "common/base/metrics.h"

#include <assert.h>
#include <inttypes.h>

static struct metric *first;

void metrics_add(struct metric *m)
{
    struct metric **at = &first;

    for (; *at; at = &(*at)->next)
        if (*at == m)
            return;
    m->next = NULL;
    *at = m;
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
        bytes_printf(out, "%" PRIu64, value);
}

static void add_histogram(const struct metric *m, struct bytes *out)
{
    const char *labels = m->labels ? m->labels : "";
    const char *comma = m->labels ? "," : "";
    const char *open = m->labels ? "{" : "";
    const char *shut = m->labels ? "}" : "";
    uint64_t count = 0;

    for (unsigned i = 0; i < m->n_bounds; i++) {
        count += m->counts[i];
        bytes_printf(out, "%s_bucket{%s%sle=\"", m->name, labels, comma);
        add_number(m, m->bounds[i], out);
        bytes_printf(out, "\"} %" PRIu64 "\n", count);
    }
    count += m->counts[m->n_bounds];
    bytes_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", m->name,
                 labels, comma, count);
    bytes_printf(out, "%s_sum%s%s%s ", m->name, open, labels, shut);
    add_number(m, m->sum, out);
    bytes_printf(out, "\n%s_count%s%s%s %" PRIu64 "\n", m->name, open, labels,
                 shut, count);
}

static void add_sample(const struct metric *m, struct bytes *out)
{
    if (m->kind == METRIC_HISTOGRAM) {
        add_histogram(m, out);
        return;
    }
    bytes_add_str(out, m->name);
    if (m->labels)
        bytes_printf(out, "{%s}", m->labels);
    bytes_add_str(out, " ");
    add_number(m, m->read ? m->read(m->arg) : m->value, out);
    bytes_add_str(out, "\n");
}

static bool same_name(const struct metric *a, const struct metric *b)
{
    return a->name == b->name || strcmp(a->name, b->name) == 0;
}

static bool seen_before(const struct metric *m)
{
    for (const struct metric *p = first; p != m; p = p->next)
        if (same_name(p, m))
            return true;
    return false;
}

void metrics_render(struct bytes *out)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};

    /* Samples of one name must stand together, under one HELP and TYPE. */
    for (const struct metric *m = first; m; m = m->next) {
        if (seen_before(m))
            continue;
        bytes_printf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help,
                     m->name, kinds[m->kind]);
        for (const struct metric *p = m; p; p = p->next)
            if (same_name(p, m))
                add_sample(p, out);
    }
}

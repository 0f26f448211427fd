/*
 * metrics.h -- counters, gauges and histograms, rendered as Prometheus text.
 *
 * A metric is a static struct next to the code that counts; the hot path does
 * `m.value++`.  metrics_add() links it into the process's list (once).  Names
 * follow Prometheus: tickwire_<tool>_<noun>_<unit>[_total].
 */
#pragma once

#include "common/base/bytes.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric {
    const char *name;
    const char *labels; /* NULL, or `reason="slow"` */
    const char *help;
    enum metric_kind kind;
    uint64_t value;
    /* Gauges that are worked out when asked; NULL: value. */
    uint64_t (*read)(void *arg);
    void *arg;
    /* Histograms: ascending upper bounds, n of them; counts has n + 1. */
    const uint64_t *bounds;
    unsigned n_bounds;
    uint64_t *counts;
    uint64_t sum;
    double scale; /* rendered bound and sum = value * scale; 0 means 1 */
    struct metric *next;
};

/* Begins an initializer: {METRIC(GAUGE, "tickwire_x", NULL, "what it is")}. */
#define METRIC(KIND, NAME, LABELS, HELP)                                       \
    .name = (NAME), .labels = (LABELS), .help = (HELP), .kind = METRIC_##KIND

void metrics_add(struct metric *m);
void metrics_add_all(struct metric *m, unsigned n);
void metrics_observe(struct metric *m, uint64_t value);
/* Prometheus text format 0.0.4; metrics of one name are grouped. */
void metrics_render(struct bytes *out);
/* The number of the rendering that is under way, from 1: what several read()
 * need can be worked out once for all of them. */
uint64_t metrics_rendering(void);

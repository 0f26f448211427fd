/*
 * gate_metrics.h -- the gateway's counters as Prometheus metrics.
 *
 * tickwire_wsgate_messages_expected_total is delivered + conflated + dropped +
 * queued, always.
 */
#ifndef WSGATE_CLIENT_GATE_METRICS_H
#define WSGATE_CLIENT_GATE_METRICS_H

#include "wsgate/wsgate.h"

void gate_metrics_open(struct wsgate *w);
/* A client was found so many bytes behind. */
void gate_metrics_backlog(uint64_t bytes);

#endif

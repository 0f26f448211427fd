/*
 * process.h -- what Prometheus wants to know of every process.
 *
 * Names and units are those of the official client libraries
 * (process_resident_memory_bytes, ...), so that stock dashboards work; and
 * tickwire_build_info.  Read from /proc/self when asked.
 */
#pragma once

#include "common/base/bytes.h"

void process_metrics(const char *tool, const char *instance, struct bytes *out);

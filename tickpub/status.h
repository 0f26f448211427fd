/*
 * status.h -- what tickpub says of itself: /ready, /health, instance:tickpub:*.
 */
#ifndef TICKPUB_STATUS_H
#define TICKPUB_STATUS_H

#include <stdbool.h>

#include "common/json/json_writer.h"

/* All take the struct tickpub. */
bool status_ready(void *arg, const char **why);
bool status_health(void *arg, struct json_writer *json);
void status_instance(void *arg, struct json_writer *json);

#endif

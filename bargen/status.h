/*
 * status.h -- is it working?  For /ready, /health and instance:bargen:{id}.
 */
#ifndef BARGEN_STATUS_H
#define BARGEN_STATUS_H

#include <stdbool.h>

#include "common/json/json_writer.h"

/* arg is the struct bargen; for struct app and instance_new(). */
bool status_ready(void *arg, const char **why);
bool status_health(void *arg, struct json_writer *json);
void status_instance(void *arg, struct json_writer *json);

#endif

/*
 * close_count.h -- how connections ended, by close code, for the metrics.
 */
#pragma once

#include <stdint.h>

void close_count_open(void);
void close_count(uint16_t code);

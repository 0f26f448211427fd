/*
 * close_count.h -- how connections ended, by close code, for the metrics.
 */
#ifndef WSGATE_CLIENT_CLOSE_COUNT_H
#define WSGATE_CLIENT_CLOSE_COUNT_H

#include <stdint.h>

void close_count_open(void);
void close_count(uint16_t code);

#endif

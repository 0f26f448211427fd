/*
 * redis_resp.h -- RESP command encoding into a byte run.
 *
 * Pure: bytes only, so that whoever builds commands can be tested without a
 * connection.
 */
#pragma once

#include "common/base/bytes.h"

void resp_array(struct bytes *out, unsigned count);
void resp_bulk(struct bytes *out, const void *data, size_t len);
void resp_bulk_str(struct bytes *out, const char *text);
void resp_bulk_int(struct bytes *out, int64_t value);

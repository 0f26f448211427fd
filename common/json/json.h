/*
 * json.h -- the one place that includes jansson: small reads off the hot path.
 *
 * Reads are strict (duplicate keys refused).  Values are borrowed from the
 * root; json_free(root) ends them all.  Lookups accept NULL and answer
 * "absent".
 */
#pragma once

#include "common/base/err.h"
#include "common/base/span.h"

typedef struct json_t json_value; /* jansson's json_t, opaque here */

/* NULL and err (with line and column) when text is not one JSON value. */
json_value *json_read(struct span text, struct err *err);
json_value *json_read_file(const char *path, struct err *err);
void json_free(json_value *root);

const json_value *json_member(const json_value *object, const char *key);
size_t json_count(const json_value *array_or_object);
const json_value *json_item(const json_value *array, size_t i);
/* The i-th member of an object in file order; *key is NUL-terminated. */
const json_value *json_member_at(const json_value *object, size_t i,
                                 const char **key);
bool json_is_object(const json_value *v);
bool json_is_array(const json_value *v);
bool json_is_null(const json_value *v);
/* False where v is absent or of another kind. */
bool json_text(const json_value *v, struct span *out);
bool json_int(const json_value *v, int64_t *out);
/* Whole numbers too; never for prices.  (jansson owns the name json_real.) */
bool json_double(const json_value *v, double *out);
bool json_bool(const json_value *v, bool *out);

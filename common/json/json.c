#include "common/json/json.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>

/* jansson has macros of these names; here they are functions, so that no other
 * file needs its header. */
#undef json_is_object
#undef json_is_array
#undef json_is_null

enum { READ_FLAGS = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY };

json_value *json_read(struct span text, struct err *err)
{
    json_error_t why;
    json_t *root = json_loadb(text.ptr, text.len, READ_FLAGS, &why);

    if (!root)
        err_set(err, ERR_INPUT, "line %d column %d: %s", why.line, why.column,
                why.text);
    return root;
}

json_value *json_read_file(const char *path, struct err *err)
{
    json_error_t why;
    FILE *file = fopen(path, "re");
    json_t *root;

    if (!file) {
        err_errno(err, ERR_CONFIG, errno, "%s", path);
        return NULL;
    }
    root = json_loadf(file, READ_FLAGS, &why);
    fclose(file);
    if (!root)
        err_set(err, ERR_CONFIG, "%s: line %d column %d: %s", path, why.line,
                why.column, why.text);
    return root;
}

void json_free(json_value *root)
{
    json_decref(root);
}

const json_value *json_member(const json_value *object, const char *key)
{
    return json_object_get(object, key);
}

size_t json_count(const json_value *array_or_object)
{
    return json_is_array(array_or_object) ? json_array_size(array_or_object)
                                          : json_object_size(array_or_object);
}

const json_value *json_item(const json_value *array, size_t i)
{
    return json_array_get(array, i);
}

const json_value *json_member_at(const json_value *object, size_t i,
                                 const char **key)
{
    /* jansson iterates in the order of the text; its iterators take a pointer
     * that is not const but change nothing. */
    json_t *o = (json_t *)(uintptr_t)object;
    void *at = json_object_iter(o);

    for (; at && i > 0; i--)
        at = json_object_iter_next(o, at);
    if (!at)
        return NULL;
    *key = json_object_iter_key(at);
    return json_object_iter_value(at);
}

bool json_is_object(const json_value *v)
{
    return v && json_typeof(v) == JSON_OBJECT;
}

bool json_is_array(const json_value *v)
{
    return v && json_typeof(v) == JSON_ARRAY;
}

bool json_is_null(const json_value *v)
{
    return v && json_typeof(v) == JSON_NULL;
}

bool json_text(const json_value *v, struct span *out)
{
    if (!json_is_string(v))
        return false;
    *out = span_make(json_string_value(v), json_string_length(v));
    return true;
}

bool json_int(const json_value *v, int64_t *out)
{
    if (!json_is_integer(v))
        return false;
    *out = json_integer_value(v);
    return true;
}

bool json_double(const json_value *v, double *out)
{
    if (!json_is_number(v))
        return false;
    *out = json_number_value(v);
    return true;
}

bool json_bool(const json_value *v, bool *out)
{
    if (!json_is_boolean(v))
        return false;
    *out = json_is_true(v);
    return true;
}

#include "common/json/json_writer.h"

void json_quote(struct bytes *out, struct span text)
{
    size_t run = 0; /* where what needs no escape began */

    bytes_add(out, "\"", 1);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        bytes_add(out, text.ptr + run, i - run);
        bytes_printf(out, c < 0x20 ? "\\u%04x" : "\\%c", c);
        run = i + 1;
    }
    if (run < text.len)
        bytes_add(out, text.ptr + run, text.len - run);
    bytes_add(out, "\"", 1);
}

/* What stands before a value. */
static void begin(struct json_writer *w, const char *key)
{
    if (w->comma)
        bytes_add(w->out, ",", 1);
    if (key) {
        bytes_add(w->out, "\"", 1);
        bytes_add_str(w->out, key);
        bytes_add(w->out, "\":", 2);
    }
    w->comma = true;
}

static void open_with(struct json_writer *w, const char *key,
                      const char *bracket)
{
    begin(w, key);
    bytes_add(w->out, bracket, 1);
    w->comma = false;
}

static void close_with(struct json_writer *w, const char *bracket)
{
    bytes_add(w->out, bracket, 1);
    w->comma = true;
}

void json_write_object(struct json_writer *w, const char *key)
{
    open_with(w, key, "{");
}

void json_write_object_end(struct json_writer *w)
{
    close_with(w, "}");
}

void json_write_array(struct json_writer *w, const char *key)
{
    open_with(w, key, "[");
}

void json_write_array_end(struct json_writer *w)
{
    close_with(w, "]");
}

void json_write_str(struct json_writer *w, const char *key, const char *text)
{
    json_write_span(w, key, span_str(text));
}

void json_write_span(struct json_writer *w, const char *key, struct span text)
{
    begin(w, key);
    json_quote(w->out, text);
}

void json_write_int(struct json_writer *w, const char *key, int64_t value)
{
    begin(w, key);
    bytes_add_int(w->out, value);
}

void json_write_uint(struct json_writer *w, const char *key, uint64_t value)
{
    begin(w, key);
    bytes_add_uint(w->out, value);
}

void json_write_bool(struct json_writer *w, const char *key, bool value)
{
    json_write_raw(w, key, span_str(value ? "true" : "false"));
}

void json_write_real(struct json_writer *w, const char *key, double value)
{
    begin(w, key);
    bytes_printf(w->out, "%.10g", value);
}

void json_write_raw(struct json_writer *w, const char *key, struct span json)
{
    begin(w, key);
    bytes_add_span(w->out, json);
}

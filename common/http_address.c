#include <stdlib.h>

#include "common/http.h"

/* "HOST:PORT", "[::1]:PORT", ":PORT" or "PORT". */
bool http_listen_parse(const char *text, char host[256], unsigned *port,
                       struct err *err)
{
    const char *colon = strrchr(text, ':');
    const char *digits = colon ? colon + 1 : text;
    struct span name = {text, colon ? (size_t)(colon - text) : 0};
    size_t n = strspn(digits, "0123456789");
    unsigned long value;

    if (name.len >= 2 && name.ptr[0] == '[' && name.ptr[name.len - 1] == ']')
        name = span_make(name.ptr + 1, name.len - 2);
    else if (memchr(name.ptr, ':', name.len))
        n = 0; /* an IPv6 address needs its brackets */
    value = n > 0 && n <= 5 ? strtoul(digits, NULL, 10) : 65536;
    if (digits[n] != '\0' || value > 65535 || name.len > 255)
        return err_set(err, ERR_USAGE,
                       "'%s' is not an address (try 127.0.0.1:8080)", text);
    memcpy(host, name.ptr, name.len);
    host[name.len] = '\0';
    *port = (unsigned)value;
    return true;
}

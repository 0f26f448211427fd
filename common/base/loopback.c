#include "common/base/loopback.h"

#include <string.h>
#include <strings.h>

bool loopback_name(const char *host)
{
    static const char name[] = "localhost";
    const size_t size = sizeof name - 1;
    size_t len = strlen(host);

    if (len > 0 && host[len - 1] == '.')
        len--;
    if (len < size || strncasecmp(host + len - size, name, size) != 0)
        return false;
    return len == size || host[len - size - 1] == '.';
}

/*
 * Any text as a Redis URL: no crash; a refusal changes nothing and says why;
 * what is accepted is whole, and what is shown of it is one line.
 */
#include <stdlib.h>

#include "common/base/bytes.h"
#include "common/redis/redis_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mem_str(span_make((const char *)data, size));
    struct redis_config c = {.db = -1};
    struct err err = {0};

    if (!redis_config_url(&c, text, &err)) {
        if (err.code != ERR_USAGE || err.text[0] == '\0' || c.db != -1)
            abort();
    } else {
        if (c.db < 0 || (c.path[0] == '\0') != (c.port != 0) ||
            (c.path[0] == '\0' && c.host[0] == '\0'))
            abort();
        for (const char *p = c.display; *p != '\0'; p++)
            if ((unsigned char)*p < 0x20 || *p == 0x7f)
                abort();
    }
    free(text);
    return 0;
}

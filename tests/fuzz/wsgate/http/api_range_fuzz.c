/* The query of a request for bars: whatever it says, a range or a reason. */
#include <assert.h>
#include <string.h>

#include "wsgate/http/api_range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct http_request req = {.query =
                                         span_make((const char *)data, size)};
    struct api_range r = {-1, -1, -1};
    char why[API_RANGE_WHY_BYTES];

    memset(why, 'x', sizeof why);
    if (api_range_read(&req, &r, why)) {
        assert(r.from_ms <= r.to_ms);
        assert(r.limit >= 1 && r.limit <= API_BARS_MAX);
    } else {
        assert(r.from_ms == -1 && r.to_ms == -1 && r.limit == -1);
        assert(memchr(why, '\0', sizeof why));
        assert(strncmp(why, "from ", 5) == 0 || strncmp(why, "to ", 3) == 0 ||
               strncmp(why, "limit ", 6) == 0 ||
               strncmp(why, "countback ", 10) == 0);
    }
    return 0;
}

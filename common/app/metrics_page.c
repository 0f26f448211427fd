#include "common/app/metrics_page.h"

enum { SPARE_NS = METRICS_PAGE_SPARE_MS * 1000000 };

bool metrics_page_is_due(struct metrics_page *page, uint64_t now_ns)
{
    uint64_t more = (now_ns - page->at_ns) / METRICS_PAGE_SHARE;

    page->spare_ns += (int64_t)more;
    if (page->spare_ns > SPARE_NS)
        page->spare_ns = SPARE_NS;
    page->at_ns += more * METRICS_PAGE_SHARE; /* what is left counts later */
    return page->text.len == 0 || page->spare_ns > 0;
}

void metrics_page_made(struct metrics_page *page, uint64_t took_ns)
{
    page->spare_ns -= (int64_t)took_ns;
}

void metrics_page_close(struct metrics_page *page)
{
    bytes_close(&page->text);
}

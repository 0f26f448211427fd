#include "common/feed/feed_map.h"

#include <stddef.h>

#define ROW(name) &feed_##name,
const struct feed *const feed_map[] = {FEEDS(ROW) NULL};

/*
 * api_target.h -- what a path and its query ask for.
 *
 * Pure.  Paths come percent-decoded, so a symbol may hold a slash
 * (/api/v1/bars/BTC/USD/5 is BTC/USD at 5): the last part is the resolution.
 *
 * Symbols follow the rule of channels (channel_name.h) without ':' and '*',
 * which are what channel and key names are put together with; resolutions are
 * canonical, 1D is D.
 */
#pragma once

#include "common/base/bytes.h"
#include "common/base/span.h"

enum api_endpoint {
    API_WS_STATUS,
    API_REDIS_STATUS,
    API_SIMULATOR_STATUS,
    API_SYMBOLS,
    API_PRICE,
    API_BARS,
    API_PUBLISH_TEST,
    API_ENDPOINTS, /* how many */
};

enum { API_SYMBOL_MAX = 64, API_RESOLUTION_MAX = 8 };

enum api_found {
    API_FOUND,
    API_UNKNOWN,    /* no such path */
    API_BAD_SYMBOL, /* the path of an endpoint, with what is no symbol */
    API_BAD_RESOLUTION,
};

struct api_target {
    enum api_endpoint endpoint;
    char symbol[API_SYMBOL_MAX + 1];
    char resolution[API_RESOLUTION_MAX + 1];
};

enum api_found api_target_read(struct span path, struct api_target *out);

/* The channel whose price or bars are asked for; false: it is about none. */
bool api_target_channel(const struct api_target *t, struct bytes *out);

/* A whole number within [min, max], digits only with perhaps a sign. */
bool api_number(struct span text, int64_t min, int64_t max, int64_t *out);

#include "wsgate/ws/ws_door.h"

#include "common/http/http_tokens.h"

bool ws_door_init(struct ws_door *door, const struct option_strs *allow_origin,
                  const struct option_strs *allow_host, struct err *err)
{
    struct err cause = {0};

    *door = (struct ws_door){.n_origins = 0};
    for (unsigned i = 0; i < allow_origin->count; i++) {
        if (!http_origin_pattern_read(span_str(allow_origin->at[i]),
                                      &door->origins[door->n_origins++],
                                      &cause))
            return err_set(err, cause.code, "--allow-origin: %s", cause.text);
    }
    for (unsigned i = 0; i < allow_host->count; i++) {
        if (!http_host_pattern_read(span_str(allow_host->at[i]),
                                    &door->hosts[door->n_hosts++], &cause))
            return err_set(err, cause.code, "--allow-host: %s", cause.text);
    }
    return true;
}

/* --- hosts --- */

static bool is_browser(const struct http_request *req)
{
    return span_starts(http_header(req, "User-Agent"), "Mozilla/") ||
           http_tokens_lines(req, "Origin") > 0 ||
           http_tokens_lines(req, "Sec-Fetch-Site") > 0;
}

/* Whose pages may connect may also be asked for by name. */
static bool is_named(const struct ws_door *door, const struct http_host *host)
{
    for (unsigned i = 0; i < door->n_hosts; i++) {
        if (http_host_matches(&door->hosts[i], host))
            return true;
    }
    for (unsigned i = 0; i < door->n_origins; i++) {
        const struct http_origin_pattern *p = &door->origins[i];

        if (p->any || (!p->opaque && http_host_matches(&p->host, host)))
            return true;
    }
    return false;
}

bool ws_door_host_ok(const struct ws_door *door, const struct http_request *req)
{
    struct http_host host;

    if (!is_browser(req))
        return true;
    return http_host_read(http_tokens_trim(http_header(req, "Host")), &host) &&
           (http_host_is_loopback(&host) || is_named(door, &host));
}

/* --- origins --- */

/* The nearest proxy wrote the last one. */
static bool is_of_forwarded(const struct http_origin *origin,
                            const struct http_request *req)
{
    struct http_tokens t = http_tokens_of(req, "X-Forwarded-Host");
    struct span last = {NULL, 0};
    struct http_host host;

    while (http_tokens_next(&t, &last)) {
    }
    return last.len > 0 && http_host_read(last, &host) &&
           http_origin_is_of(origin, &host);
}

bool ws_door_lets_in(const struct ws_door *door, struct span text,
                     const struct http_request *req)
{
    struct http_origin origin;
    struct http_host host;

    if (!http_origin_read(text, &origin))
        return false;
    for (unsigned i = 0; i < door->n_origins; i++) {
        if (http_origin_matches(&door->origins[i], &origin))
            return true;
    }
    if (http_host_read(http_tokens_trim(http_header(req, "Host")), &host) &&
        http_origin_is_of(&origin, &host))
        return true;
    return door->proxied && is_of_forwarded(&origin, req);
}

bool ws_door_origin_ok(const struct ws_door *door,
                       const struct http_request *req)
{
    struct span origin = http_tokens_trim(http_header(req, "Origin"));
    unsigned lines = http_tokens_lines(req, "Origin");

    /* No browser sends an empty one; some proxies blank it out so. */
    return lines == 0 || (lines == 1 && (origin.len == 0 ||
                                         ws_door_lets_in(door, origin, req)));
}

#include "common/redis/redis_config.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/quantity.h"

#define TRY "(try redis://127.0.0.1:6379/0 or unix:///run/redis.sock)"

enum {
    RETRY_BASE_MS = 50,
    RETRY_MAX_MS = 2000,
    TIMEOUT_MS = 2000,
    IDLE_MS = 3000
};

/* --- one URL --- */

/* Its parts, still encoded. */
struct url {
    struct span scheme, user, password, host, path, query;
    bool has_password;
};

/* Up to the first c; s keeps what follows it.  False: there is no c. */
static bool cut(struct span *s, char c, struct span *before)
{
    const char *at = memchr(s->ptr, c, s->len);
    size_t n;

    if (!at)
        return false;
    n = (size_t)(at - s->ptr);
    *before = span_make(s->ptr, n);
    *s = span_make(at + 1, s->len - n - 1);
    return true;
}

static bool split(const char *text, struct url *u)
{
    const char *colon = strstr(text, "://");
    struct span rest, before, userinfo;

    *u = (struct url){.query = {"", 0}};
    if (!colon)
        return false;
    u->scheme = span_make(text, (size_t)(colon - text));
    rest = span_str(colon + 3);
    if (cut(&rest, '?', &before)) {
        u->query = rest;
        rest = before;
    }
    /* The password may hold a '@' that somebody forgot to encode: the last one
     * ends it. */
    for (size_t i = rest.len; i > 0; i--) {
        if (rest.ptr[i - 1] != '@')
            continue;
        userinfo = span_make(rest.ptr, i - 1);
        rest = span_make(rest.ptr + i, rest.len - i);
        u->has_password = cut(&userinfo, ':', &u->user);
        if (u->has_password)
            u->password = userinfo;
        else
            u->user = userinfo;
        break;
    }
    if (cut(&rest, '/', &u->host)) {
        u->path = span_make(rest.ptr - 1, rest.len + 1);
    } else {
        u->host = rest;
        u->path = span_make("", 0);
    }
    return true;
}

/* Percent-decoded, NUL-terminated copy; false: bad escape, NUL, too long. */
static bool decode(struct span s, char *out, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < s.len; i++) {
        int c = (unsigned char)s.ptr[i];
        if (c == '%') {
            if (i + 2 >= s.len || span_hex_digit(s.ptr[i + 1]) < 0 ||
                span_hex_digit(s.ptr[i + 2]) < 0)
                return false;
            c = span_hex_digit(s.ptr[i + 1]) * 16 +
                span_hex_digit(s.ptr[i + 2]);
            i += 2;
        }
        if (c == 0 || n + 1 >= size)
            return false;
        out[n++] = (char)c;
    }
    out[n] = '\0';
    return true;
}

static bool number(struct span s, long max, long *out)
{
    uint64_t n;

    if (!span_number(s, 9, &n) || n > (uint64_t)max)
        return false;
    *out = (long)n;
    return true;
}

/* "host", "host:port", "[::1]:port"; an empty host is the local one. */
static bool read_host(struct redis_config *c, struct span text)
{
    struct span name = text, port = {"6379", 4};
    const char *bracket = memchr(text.ptr, ']', text.len);
    long n;

    if (text.len > 0 && text.ptr[0] == '[') {
        if (!bracket)
            return false;
        name = span_make(text.ptr + 1, (size_t)(bracket - text.ptr) - 1);
        text = span_make(bracket + 1, text.len - name.len - 2);
        if (text.len > 0 && text.ptr[0] != ':')
            return false;
        if (text.len > 0)
            port = span_make(text.ptr + 1, text.len - 1);
    } else if (cut(&text, ':', &name)) {
        port = text;
    }
    if (name.len == 0)
        name = span_str("127.0.0.1");
    if (!number(port, 65535, &n) || n == 0)
        return false;
    c->port = (uint16_t)n;
    return decode(name, c->host, sizeof c->host);
}

static bool read_db(struct redis_config *c, struct span text)
{
    long n;

    if (!number(text, 999999, &n))
        return false;
    c->db = (int)n;
    return true;
}

/* "?db=N" is all there is. */
static bool read_query(struct redis_config *c, struct span query)
{
    if (query.len == 0)
        return true;
    return span_starts(query, "db=") &&
           read_db(c, span_make(query.ptr + 3, query.len - 3));
}

static bool read_place(struct redis_config *c, const struct url *u)
{
    if (span_is(u->scheme, "unix"))
        return u->host.len == 0 && u->path.len > 1 &&
               decode(u->path, c->path, sizeof c->path);
    if (!read_host(c, u->host))
        return false;
    return u->path.len <= 1 ||
           read_db(c, span_make(u->path.ptr + 1, u->path.len - 1));
}

static void make_display(struct redis_config *c)
{
    const char *at = c->user[0] != '\0' ? "@" : "";
    bool v6 = strchr(c->host, ':') != NULL;

    /* Cut where it does not fit: it is for people. */
    if (c->path[0] != '\0')
        snprintf(c->display, sizeof c->display, "unix://%.100s%s%s?db=%d",
                 c->user, at, c->path, c->db);
    else
        snprintf(c->display, sizeof c->display, "redis://%.40s%s%s%s%s:%u/%d",
                 c->user, at, v6 ? "[" : "", c->host, v6 ? "]" : "",
                 (unsigned)c->port, c->db);
    /* What was decoded may hold anything. */
    for (char *p = c->display; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
}

/* The URL as it may be shown: nobody learns a password from a typing error. */
static bool not_a_url(const char *url, struct err *err)
{
    const char *from = strstr(url, "://");
    const char *at = strrchr(url, '@');
    char shown[200];

    if (from && at && at > from)
        snprintf(shown, sizeof shown, "%.*s***%s", (int)(from + 3 - url), url,
                 at);
    else if (from && from[3] == ':') /* "@host" was forgotten */
        snprintf(shown, sizeof shown, "%.*s***", (int)(from + 3 - url), url);
    else
        snprintf(shown, sizeof shown, "%s", url);
    return err_set(err, ERR_USAGE, "'%s' is not a Redis URL " TRY, shown);
}

static bool known_scheme(const char *url, struct span scheme, struct err *err)
{
    static const struct {
        const char *scheme, *what;
    } later[] = {
        {"rediss", "TLS"},
        {"redis+tls", "TLS"},
        {"redis+sentinel", "Sentinel"},
        {"sentinel", "Sentinel"},
        {"redis+cluster", "Cluster"},
    };

    if (span_is(scheme, "redis") || span_is(scheme, "unix"))
        return true;
    for (unsigned i = 0; i < sizeof later / sizeof later[0]; i++)
        if (span_is(scheme, later[i].scheme))
            return err_set(err, ERR_USAGE,
                           "%s:// (%s) is not supported yet " TRY,
                           later[i].scheme, later[i].what);
    return not_a_url(url, err);
}

bool redis_config_url(struct redis_config *c, const char *url, struct err *err)
{
    struct redis_config read = *c;
    struct url u;

    read.host[0] = read.path[0] = read.user[0] = read.password[0] = '\0';
    read.port = 0;
    read.db = 0;
    if (!split(url, &u))
        u.scheme = span_make("", 0);
    if (!known_scheme(url, u.scheme, err))
        return false;
    if (!read_place(&read, &u) || !read_query(&read, u.query) ||
        !decode(u.user, read.user, sizeof read.user) ||
        !decode(u.password, read.password, sizeof read.password))
        return not_a_url(url, err);
    make_display(&read);
    *c = read;
    return true;
}

/* --- the environment --- */

static const char *env(const char *name)
{
    const char *value = getenv(name);

    return value && *value != '\0' ? value : NULL;
}

static bool copy(char *to, size_t size, const char *text, const char *name,
                 struct err *err)
{
    if (strlen(text) >= size)
        return err_set(err, ERR_USAGE, "%s: too long", name);
    memcpy(to, text, strlen(text) + 1);
    return true;
}

static bool env_number(const char *name, long max, long *out, struct err *err)
{
    const char *text = env(name);

    if (!text || number(span_str(text), max, out))
        return true;
    return err_set(err, ERR_USAGE,
                   "%s: '%s' is not a whole number within 0 to %ld", name, text,
                   max);
}

/* REDIS_HOST and its friends, where no URL is given. */
static bool read_parts(struct redis_config *c, struct err *err)
{
    const char *host = env("REDIS_HOST"), *password = env("REDIS_PASSWORD");
    long port = 6379, db = 0;

    if (!copy(c->host, sizeof c->host, host ? host : "127.0.0.1", "REDIS_HOST",
              err) ||
        !copy(c->password, sizeof c->password, password ? password : "",
              "REDIS_PASSWORD", err) ||
        !env_number("REDIS_PORT", 65535, &port, err) ||
        !env_number("REDIS_DB", 999999, &db, err))
        return false;
    if (port == 0)
        return err_set(err, ERR_USAGE, "REDIS_PORT: 0 is not a port");
    c->port = (uint16_t)port;
    c->db = (int)db;
    make_display(c);
    return true;
}

static bool read_url(struct redis_config *c, const char *url, const char *name,
                     struct err *err)
{
    const char *password = env("REDIS_PASSWORD");
    struct err cause = {0};

    if (!redis_config_url(c, url, &cause))
        return err_set(err, cause.code, "%s: %s", name, cause.text);
    if (c->user[0] != '\0' && c->password[0] == '\0' && password)
        return copy(c->password, sizeof c->password, password, "REDIS_PASSWORD",
                    err);
    return true;
}

static bool read_where(struct redis_config *c, const char *url, struct err *err)
{
    if (url)
        return read_url(c, url, "--redis", err);
    if (env("REDIS_URL"))
        return read_url(c, env("REDIS_URL"), "REDIS_URL", err);
    return read_parts(c, err);
}

static bool read_retries(struct redis_config *c, struct err *err)
{
    const char *delay = env("REDIS_RETRY_DELAY");
    long plain_ms, steps = 0;
    int64_t ms = RETRY_BASE_MS;

    if (delay && number(span_str(delay), 3600 * 1000, &plain_ms))
        ms = plain_ms;
    else if (delay && !quantity_duration(delay, &ms))
        return err_set(err, ERR_USAGE,
                       "REDIS_RETRY_DELAY: '%s' is not a duration "
                       "(try 50 or 50ms)",
                       delay);
    if (ms < 1 || ms > 3600 * 1000)
        return err_set(err, ERR_USAGE,
                       "REDIS_RETRY_DELAY: %s is not within 1ms to 1h", delay);
    if (!env_number("REDIS_MAX_RETRIES", 1000000, &steps, err))
        return false;
    c->retry_base_ms = ms;
    c->retry_max_ms = ms > RETRY_MAX_MS ? ms : RETRY_MAX_MS;
    c->max_retries = steps;
    return true;
}

/* It becomes part of names and of patterns, so it may not hold what means
 * something there. */
static bool read_prefix(struct redis_config *c, const char *prefix,
                        struct err *err)
{
    for (const char *p = prefix; *p != '\0'; p++)
        if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f ||
            strchr("*?[]\\\"{}", *p))
            return err_set(err, ERR_USAGE,
                           "--prefix: letters, digits and _ . : / - only");
    return copy(c->prefix, sizeof c->prefix, prefix, "--prefix", err);
}

bool redis_config_read(struct redis_config *c, const char *url,
                       const char *prefix, struct err *err)
{
    struct redis_config read = {
        .connect_timeout_ms = TIMEOUT_MS,
        .idle_ping_ms = IDLE_MS,
        .pong_timeout_ms = IDLE_MS,
    };

    if (!read_where(&read, url, err) ||
        !read_prefix(&read, prefix ? prefix : "", err) ||
        !read_retries(&read, err))
        return false;
    *c = read;
    return true;
}

#include "wsgate/http/page.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/base/log.h"

/*
 * Scripts, styles and connections from here only; nothing inline.  So even a
 * symbol name that found its way into markup could not run.
 */
#define HEADERS                                                                \
    "Content-Security-Policy: default-src 'self'; base-uri 'none'; "           \
    "form-action 'self'; frame-ancestors 'none'; object-src 'none'\r\n"        \
    "Referrer-Policy: no-referrer\r\n"
/* Kept, and asked about each time: there is an ETag. */
#define FILE_HEADERS HEADERS "Cache-Control: no-cache\r\n"

struct files {
    struct page_file *at; /* sorted by path */
    size_t count;
    size_t bytes;
};

struct page {
    char dir[PATH_MAX]; /* empty: none was found */
    struct files files;
};

static const struct {
    const char *ending, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".json", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".woff2", "font/woff2"},
    {".txt", "text/plain; charset=utf-8"},
    {".map", "application/json"},
};

const char *page_type(struct span name)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        size_t n = strlen(types[i].ending);

        if (name.len > n &&
            strncasecmp(name.ptr + name.len - n, types[i].ending, n) == 0)
            return types[i].type;
    }
    if (!memchr(name.ptr, '.', name.len))
        return "text/plain; charset=utf-8"; /* LICENSE, NOTICE */
    return "application/octet-stream";
}

/* RFC 9110 13.1.2: a list of tags, weak ones compare equal, or a star. */
bool page_etag_match(struct span header, const char *etag)
{
    size_t n = strlen(etag);
    size_t i = 0;

    while (i < header.len) {
        size_t start;

        while (i < header.len && strchr(" \t,", header.ptr[i]))
            i++;
        if (header.len - i >= 2 && memcmp(header.ptr + i, "W/", 2) == 0)
            i += 2;
        start = i;
        while (i < header.len && !strchr(" \t,", header.ptr[i]))
            i++;
        if (i - start == n && memcmp(header.ptr + start, etag, n) == 0)
            return true;
        if (i - start == 1 && header.ptr[start] == '*')
            return true;
    }
    return false;
}

static int by_path(const void *a, const void *b)
{
    const struct page_file *x = a;
    const struct page_file *y = b;

    return strcmp(x->path, y->path);
}

static void files_free(struct files *f)
{
    for (size_t i = 0; i < f->count; i++) {
        free(f->at[i].path);
        free(f->at[i].data);
    }
    free(f->at);
    *f = (struct files){0};
}

static void tag(struct page_file *file)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    EVP_Digest(file->data, file->len, hash, &n, EVP_sha256(), NULL);
    file->etag[0] = '"';
    for (unsigned i = 0; i < 16; i++)
        snprintf(file->etag + 1 + (size_t)2 * i, 3, "%02x", hash[i]);
    memcpy(file->etag + 33, "\"", 2);
}

static bool read_all(int fd, char *into, size_t len)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = read(fd, into + done, len - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static bool add_file(struct files *f, int fd, size_t len, const char *path,
                     struct err *err)
{
    struct page_file *file;

    if (f->count == PAGE_MAX_FILES)
        return err_set(err, ERR_CONFIG, "more than %d files", PAGE_MAX_FILES);
    if (len > PAGE_MAX_BYTES - f->bytes)
        return err_set(err, ERR_CONFIG, "more than %d bytes", PAGE_MAX_BYTES);
    f->at = mem_grow(f->at, (f->count + 1) * sizeof *f->at);
    file = &f->at[f->count];
    *file = (struct page_file){.len = len};
    file->data = mem_alloc(len + 1);
    if (!read_all(fd, file->data, len)) {
        free(file->data);
        return err_set(err, ERR_CONFIG, "%s cannot be read", path + 1);
    }
    file->path = mem_str(span_str(path));
    file->type = page_type(span_str(path));
    tag(file);
    f->count++;
    f->bytes += len;
    return true;
}

static bool walk(struct files *f, int dir_fd, const char *base, int depth,
                 struct err *err);

/* Symbolic links are followed: mounted folders are made of them. */
static bool add_entry(struct files *f, int dir_fd, const char *base,
                      const char *name, int depth, struct err *err)
{
    char path[PATH_MAX];
    struct stat st;
    bool ok = true;
    int fd;

    if (snprintf(path, sizeof path, "%s/%s", base, name) >= (int)sizeof path)
        return err_set(err, ERR_CONFIG, "a path is too long");
    fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return err_errno(err, ERR_CONFIG, errno, "%s", path + 1);
    if (fstat(fd, &st) != 0)
        ok = err_errno(err, ERR_CONFIG, errno, "%s", path + 1);
    else if (S_ISDIR(st.st_mode))
        return walk(f, fd, path, depth + 1, err);
    else if (S_ISREG(st.st_mode))
        ok = add_file(f, fd, (size_t)st.st_size, path, err);
    close(fd);
    return ok;
}

/* Takes dir_fd. */
static bool walk(struct files *f, int dir_fd, const char *base, int depth,
                 struct err *err)
{
    DIR *dir = fdopendir(dir_fd);
    const struct dirent *e;
    bool ok = true;

    if (!dir) {
        close(dir_fd);
        return err_errno(err, ERR_CONFIG, errno, "%s/", base);
    }
    if (depth > PAGE_MAX_DEPTH)
        ok = err_set(err, ERR_CONFIG, "%s/ is more than %d folders deep",
                     base + 1, PAGE_MAX_DEPTH);
    while (ok && (e = readdir(dir)) != NULL)
        if (e->d_name[0] != '.')
            ok = add_entry(f, dirfd(dir), base, e->d_name, depth, err);
    closedir(dir);
    return ok;
}

static bool load(const char *dir, struct files *out, struct err *err)
{
    struct files f = {0};
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return err_errno(err, ERR_CONFIG, errno, "%s", dir);
    if (!walk(&f, fd, "", 1, err)) {
        files_free(&f);
        return false;
    }
    if (f.count > 0)
        qsort(f.at, f.count, sizeof *f.at, by_path);
    *out = f;
    return true;
}

/* The folder that holds the running program, without a slash at the end. */
static bool program_dir(char out[PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);
    char *slash;

    if (n <= 0)
        return false;
    out[n] = '\0';
    slash = strrchr(out, '/');
    if (!slash)
        return false;
    *slash = '\0';
    return true;
}

/* Builds for tests keep their tools deeper: build/asan/bin. */
static void find_dir(char out[PATH_MAX])
{
    static const char *const places[] = {
        "../share/tickwire/web",
        "../wsgate/web",
        "../../wsgate/web",
        "../../../wsgate/web",
    };
    char base[PATH_MAX];
    struct stat st;

    out[0] = '\0';
    if (!program_dir(base))
        return;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        int n = snprintf(out, PATH_MAX, "%s/%s", base, places[i]);

        if (n > 0 && n < PATH_MAX && stat(out, &st) == 0 && S_ISDIR(st.st_mode))
            return;
    }
    out[0] = '\0';
}

struct page *page_new(const char *dir)
{
    struct page *p = mem_zero(sizeof *p);
    struct err err = {0};

    if (!dir)
        find_dir(p->dir);
    else
        snprintf(p->dir, sizeof p->dir, "%s", dir);
    if (p->dir[0] == '\0')
        log_warn("page_missing", "why=\"no folder with the page was found\"");
    else if (!page_reload(p, &err))
        log_warn("page_missing", "why=%s", LOG_Q(span_str(err.text)));
    return p;
}

bool page_reload(struct page *p, struct err *err)
{
    struct files f;

    if (p->dir[0] == '\0')
        return err_set(err, ERR_CONFIG, "there is no folder with the page");
    if (!load(p->dir, &f, err))
        return false;
    files_free(&p->files);
    p->files = f;
    return true;
}

const char *page_dir(const struct page *p)
{
    return p->dir[0] == '\0' ? NULL : p->dir;
}

size_t page_count(const struct page *p)
{
    return p->files.count;
}

const struct page_file *page_find(const struct page *p, struct span path)
{
    size_t low = 0;
    size_t high = p->files.count;

    if (span_is(path, "/"))
        path = span_str("/index.html");
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const struct page_file *file = &p->files.at[mid];
        size_t n = strlen(file->path);
        int order = memcmp(file->path, path.ptr, n < path.len ? n : path.len);

        if (order == 0 && n == path.len)
            return file;
        if (order < 0 || (order == 0 && n < path.len))
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

static void answer_missing(struct http_conn *conn)
{
    http_respond(conn, 200, "text/plain; charset=utf-8", HEADERS,
                 span_str("tickwire: the gateway runs, but the files of its "
                          "page were not found.\n"
                          "Start wsgate with --web DIR (wsgate/web of the "
                          "sources), or install with `make install`.\n"
                          "Clients connect to /ws; see also /health and "
                          "/metrics.\n"));
}

bool page_answer(const struct page *p, struct http_conn *conn,
                 const struct http_request *req)
{
    const struct page_file *file = page_find(p, req->path);
    char extra[sizeof FILE_HEADERS + PAGE_ETAG_MAX + 16];

    if (!file) {
        if (!span_is(req->path, "/"))
            return false;
        answer_missing(conn);
        return true;
    }
    snprintf(extra, sizeof extra, FILE_HEADERS "ETag: %s\r\n", file->etag);
    if (page_etag_match(http_header(req, "If-None-Match"), file->etag))
        http_respond(conn, 304, file->type, extra, span_make("", 0));
    else
        http_respond(conn, 200, file->type, extra,
                     span_make(file->data, file->len));
    return true;
}

void page_free(struct page *p)
{
    if (!p)
        return;
    files_free(&p->files);
    free(p);
}

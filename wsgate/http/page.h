/*
 * page.h -- the files of the page, read once, answered from memory.
 *
 * Only names that were found in the folder at start can be asked for, so no
 * path that a client invents reaches the file system.
 *
 * Bounds      PAGE_MAX_BYTES in all, PAGE_MAX_FILES files, PAGE_MAX_DEPTH
 *             folders deep; names with a leading dot are left out
 * Ownership   page_new/page_free
 */
#pragma once

#include "common/base/err.h"
#include "common/base/span.h"
#include "common/http/http.h"

enum {
    PAGE_MAX_BYTES = 8 << 20,
    PAGE_MAX_FILES = 256,
    PAGE_MAX_DEPTH = 4,
    PAGE_ETAG_MAX = 40,
};

struct page_file {
    char *path; /* "/app.js" */
    const char *type;
    char etag[PAGE_ETAG_MAX]; /* with its quotes */
    char *data;
    size_t len;
};

struct page;

/* dir NULL: share/tickwire/web beside the program's folder, else wsgate/web
 * there.  A folder that is not there is no error: the page then says so. */
struct page *page_new(const char *dir);
/* Reads the folder again; keeps the old files, and says why, when it cannot. */
bool page_reload(struct page *p, struct err *err);
/* The folder that the files are from; NULL where there is none. */
const char *page_dir(const struct page *p);
size_t page_count(const struct page *p);
/* "/" means "/index.html"; NULL where there is none. */
const struct page_file *page_find(const struct page *p, struct span path);
/* False: no file of that name.  GET and HEAD only. */
bool page_answer(const struct page *p, struct http_conn *conn,
                 const struct http_request *req);
void page_free(struct page *p);

/* The media type that a file name stands for. */
const char *page_type(struct span name);
/* Whether an If-None-Match header names the tag. */
bool page_etag_match(struct span header, const char *etag);

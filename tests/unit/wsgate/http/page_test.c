#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* after those */
#include <cmocka.h>

#include "wsgate/http/page.h"

/* A folder of its own for each test, removed file by file. */
struct fixture {
    char dir[64];
    char *made[PAGE_MAX_FILES + 8];
    int n_made;
};

static int setup(void **state)
{
    static struct fixture f;

    f = (struct fixture){.dir = "/tmp/page_test.XXXXXX"};
    *state = &f;
    return !mkdtemp(f.dir);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    while (f->n_made > 0) {
        remove(f->made[--f->n_made]);
        free(f->made[f->n_made]);
    }
    return rmdir(f->dir);
}

static const char *note(struct fixture *f, const char *name)
{
    char *path;

    assert_true(asprintf(&path, "%s/%s", f->dir, name) > 0);
    f->made[f->n_made++] = path;
    return path;
}

static void put(struct fixture *f, const char *name, const char *text)
{
    FILE *file = fopen(note(f, name), "w");

    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void put_dir(struct fixture *f, const char *name)
{
    assert_int_equal(mkdir(note(f, name), 0700), 0);
}

static const struct page_file *find(const struct page *p, const char *path)
{
    return page_find(p, span_str(path));
}

static void files_are_found_by_their_path(void **state)
{
    struct fixture *f = *state;
    struct page *p;

    put(f, "index.html", "<p>hello");
    put(f, "app.js", "1");
    put_dir(f, "vendor");
    put(f, "vendor/lib.mjs", "22");
    p = page_new(f->dir);
    assert_int_equal(page_count(p), 3);
    assert_non_null(find(p, "/"));
    assert_ptr_equal(find(p, "/"), find(p, "/index.html"));
    assert_int_equal(find(p, "/vendor/lib.mjs")->len, 2);
    assert_memory_equal(find(p, "/app.js")->data, "1", 1);
    assert_null(find(p, "/vendor"));
    assert_null(find(p, "/app.j"));
    assert_null(find(p, "/app.jss"));
    assert_null(find(p, ""));
    page_free(p);
}

static void no_path_leaves_the_folder(void **state)
{
    struct fixture *f = *state;
    struct page *p;

    put(f, "index.html", "x");
    put(f, ".secret", "y");
    p = page_new(f->dir);
    assert_null(find(p, "/../etc/passwd"));
    assert_null(find(p, "/./index.html"));
    assert_null(find(p, "//index.html"));
    assert_null(find(p, "/.secret"));
    assert_null(find(p, "index.html"));
    page_free(p);
}

static void a_missing_folder_serves_nothing(void **state)
{
    struct page *p = page_new("/nonexistent/web");

    (void)state;
    assert_null(find(p, "/"));
    assert_int_equal(page_count(p), 0);
    page_free(p);
}

static void a_reload_that_fails_keeps_the_old_files(void **state)
{
    struct fixture *f = *state;
    char big[128];
    struct err err = {0};
    struct page *p;
    FILE *file;

    put(f, "index.html", "old");
    p = page_new(f->dir);
    snprintf(big, sizeof big, "%s", note(f, "big.bin"));
    file = fopen(big, "w");
    assert_non_null(file);
    assert_int_equal(ftruncate(fileno(file), PAGE_MAX_BYTES), 0);
    fclose(file);
    assert_false(page_reload(p, &err));
    assert_int_equal(err.code, ERR_CONFIG);
    assert_int_equal(find(p, "/")->len, 3);
    assert_int_equal(truncate(big, 10), 0);
    assert_true(page_reload(p, &err));
    assert_int_equal(page_count(p), 2);
    page_free(p);
}

static bool reload_says(struct page *p, const char *text)
{
    struct err err = {0};

    return !page_reload(p, &err) && err.code == ERR_CONFIG &&
           strstr(err.text, text);
}

static void a_folder_with_too_much_is_refused_whole(void **state)
{
    struct fixture *f = *state;
    char name[64] = "";
    struct err err = {0};
    struct page *p;

    put(f, "index.html", "x");
    p = page_new(f->dir);
    for (int i = 1; i <= PAGE_MAX_DEPTH; i++) {
        snprintf(name + strlen(name), sizeof name - strlen(name), "%s%d",
                 i > 1 ? "/" : "", i);
        put_dir(f, name);
        assert_int_equal(page_reload(p, &err), i < PAGE_MAX_DEPTH);
    }
    assert_true(reload_says(p, "folders deep"));
    remove(f->made[f->n_made - 1]);
    for (int i = 1; i < PAGE_MAX_FILES; i++) {
        snprintf(name, sizeof name, "%d.txt", i);
        put(f, name, "y");
    }
    assert_true(page_reload(p, &(struct err){0}));
    assert_int_equal(page_count(p), PAGE_MAX_FILES);
    put(f, "more.txt", "z");
    assert_true(reload_says(p, "more than 256 files"));
    assert_int_equal(page_count(p), PAGE_MAX_FILES);
    page_free(p);
}

static void a_link_is_followed_and_one_to_nowhere_is_told(void **state)
{
    struct fixture *f = *state;
    struct page *p;

    put(f, "real.txt", "12345");
    assert_int_equal(symlink("real.txt", note(f, "link.txt")), 0);
    /* Neither file nor folder, and opening it must not wait. */
    assert_int_equal(mkfifo(note(f, "pipe"), 0600), 0);
    p = page_new(f->dir);
    assert_int_equal(page_count(p), 2);
    assert_int_equal(find(p, "/link.txt")->len, 5);
    assert_int_equal(symlink("nowhere", note(f, "broken.txt")), 0);
    assert_true(reload_says(p, "broken.txt: No such file"));
    assert_int_equal(page_count(p), 2);
    page_free(p);
}

static void an_empty_folder_serves_nothing(void **state)
{
    struct fixture *f = *state;
    struct page *p = page_new(f->dir);

    assert_int_equal(page_count(p), 0);
    assert_null(find(p, "/"));
    assert_string_equal(page_dir(p), f->dir);
    page_free(p);
}

static void tags_follow_the_content(void **state)
{
    struct fixture *f = *state;
    char before[PAGE_ETAG_MAX];
    struct err err = {0};
    struct page *p;

    put(f, "a.css", "one");
    p = page_new(f->dir);
    snprintf(before, sizeof before, "%s", find(p, "/a.css")->etag);
    assert_int_equal(strlen(before), 34);
    assert_true(page_reload(p, &err));
    assert_string_equal(find(p, "/a.css")->etag, before);
    free(f->made[--f->n_made]);
    put(f, "a.css", "two");
    assert_true(page_reload(p, &err));
    assert_string_not_equal(find(p, "/a.css")->etag, before);
    page_free(p);
}

static void if_none_match_is_a_list_of_tags(void **state)
{
    (void)state;
    assert_true(page_etag_match(span_str("\"a\""), "\"a\""));
    assert_true(page_etag_match(span_str("\"b\", W/\"a\""), "\"a\""));
    assert_true(page_etag_match(span_str(" * "), "\"a\""));
    assert_true(page_etag_match(span_str("*"), "\"a\""));
    assert_true(page_etag_match(span_str("\"b\",\t*"), "\"a\""));
    assert_false(page_etag_match(span_str("**"), "\"a\""));
    assert_false(page_etag_match(span_str("W/"), "\"a\""));
    assert_false(page_etag_match(span_str(" , "), "\"a\""));
    assert_false(page_etag_match(span_str(""), "\"a\""));
    assert_false(page_etag_match(span_str("\"ab\""), "\"a\""));
    assert_false(page_etag_match(span_str("\"b\",\"c\""), "\"a\""));
}

static void media_types_follow_the_ending(void **state)
{
    (void)state;
    assert_string_equal(page_type(span_str("/x.MJS")),
                        "text/javascript; charset=utf-8");
    assert_string_equal(page_type(span_str("/index.html")),
                        "text/html; charset=utf-8");
    assert_string_equal(page_type(span_str("/LICENSE")),
                        "text/plain; charset=utf-8");
    assert_string_equal(page_type(span_str("/a.exe")),
                        "application/octet-stream");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(files_are_found_by_their_path),
        TEST(no_path_leaves_the_folder),
        TEST(a_missing_folder_serves_nothing),
        TEST(a_reload_that_fails_keeps_the_old_files),
        TEST(a_folder_with_too_much_is_refused_whole),
        TEST(a_link_is_followed_and_one_to_nowhere_is_told),
        TEST(an_empty_folder_serves_nothing),
        TEST(tags_follow_the_content),
        TEST(if_none_match_is_a_list_of_tags),
        TEST(media_types_follow_the_ending),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

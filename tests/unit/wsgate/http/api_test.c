#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/log.h"
#include "tests/unit/wsgate/http/api_world.h"

static void what_is_no_endpoint_gets_the_status_that_says_why(void **state)
{
    struct world w;
    const char *text;

    (void)state;
    world_open(&w, NULL);
    assert_status(world_get(&w, "/api/v1/nothing"), "404");
    assert_status(world_get(&w, "/stream/other"), "404");
    assert_status(world_get(&w, "/wsx"), "404");
    text = world_ask(&w, "DELETE", "/api/v1/ws/status");
    assert_status(text, "405");
    assert_non_null(strstr(text, "Allow: GET, HEAD\r\n"));
    world_close(&w);
}

/* A folder may be called anything. */
static void a_page_that_cannot_be_read_does_not_break_the_log(void **state)
{
    static const char why[] =
        " why=\"/no\\\"where: No such file or directory\"\n";
    struct world w;
    char text[4096];
    int fds[2], old = dup(STDERR_FILENO);
    const char *line;
    ssize_t n;

    (void)state;
    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    dup2(fds[1], STDERR_FILENO);
    world_open(&w, NULL);
    api_reload(w.api);
    n = read(fds[0], text, sizeof text - 1);
    dup2(old, STDERR_FILENO);
    close(old);
    close(fds[0]);
    close(fds[1]);
    world_close(&w);
    assert_true(n > 0);
    text[n] = '\0';
    line = strstr(text, " ev=page_missing");
    assert_non_null(line);
    assert_non_null(strstr(line, why));
    line = strstr(text, " ev=page_kept");
    assert_non_null(line);
    assert_non_null(strstr(line, why));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_endpoint_gets_the_status_that_says_why),
        cmocka_unit_test(a_page_that_cannot_be_read_does_not_break_the_log),
    };

    log_init("t", LOG_LEVEL_INFO);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

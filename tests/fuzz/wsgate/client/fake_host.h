/*
 * fake_host.h -- what a fuzz target has in place of the network.
 *
 * Takes the place of common/http/http_listen.c: nothing is listened on, connections
 * are given to the server by http_conn_start().
 */
#pragma once

#include <sys/eventfd.h>

#include "common/http/http_internal.h"
#include "tests/fuzz/wsgate/client/fake_clock.h"

/* Something to poll that never has anything to accept. */
int http_listen_open(const char *text, const struct http_options *options,
                     unsigned *port, struct err *err)
{
    (void)text;
    (void)options;
    (void)err;
    *port = 8080;
    return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

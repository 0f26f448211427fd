/*
 * fake_host.h -- what a fuzz target has in place of the network and the clock.
 *
 * Takes the place of common/http/http_listen.c: nothing is listened on, connections
 * are given to the server by http_conn_start().  The time of libuv and of
 * common/base/clock.c goes on when the target says so.
 */
#ifndef TESTS_FUZZ_WSGATE_CLIENT_FAKE_HOST_H
#define TESTS_FUZZ_WSGATE_CLIENT_FAKE_HOST_H

#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/http/http_internal.h"

static int64_t fake_mono_ns;

int clock_gettime(clockid_t id, struct timespec *at)
{
    if (id != CLOCK_MONOTONIC && id != CLOCK_MONOTONIC_COARSE)
        return (int)syscall(SYS_clock_gettime, id, at);
    at->tv_sec = fake_mono_ns / 1000000000;
    at->tv_nsec = fake_mono_ns % 1000000000;
    return 0;
}

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

#endif

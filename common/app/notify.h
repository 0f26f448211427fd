/*
 * notify.h -- tell systemd (or whoever set NOTIFY_SOCKET) how we are.
 *
 * One datagram, READY=1 or STOPPING=1, to a path or an @abstract name.  Source:
 * sd_notify(3).  Nothing happens where NOTIFY_SOCKET is not set; failures are
 * not ours to report.
 */
#pragma once

void notify_send(const char *state);

/*
 * loopback.h -- the names that mean this machine.
 *
 * "localhost" is no matter of /etc/hosts or of a name server: a minimal
 * container has neither, and a server may say anything.
 *
 * Source   RFC 6761, section 6.3
 */
#pragma once

#include <stdbool.h>

/* localhost, and names below it, in any case, with or without a last dot. */
bool loopback_name(const char *host);

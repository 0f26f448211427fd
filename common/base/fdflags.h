/*
 * fdflags.h -- make inherited descriptors non-blocking, and put them back.
 *
 * O_NONBLOCK belongs to the open file description, which standard input,
 * output and error often share with each other (a terminal) and with the shell
 * that started us.  So the old flags are kept, and come back when the last
 * user of any of them is done: giving one back earlier could make another,
 * still in use, block.  fdflags_restore_all() is for ways out that close
 * nothing.
 */
#pragma once

#include <stdbool.h>

enum { FDFLAGS_MAX = 8 };

/* False with errno: fd is not open. */
bool fdflags_nonblock(int fd);
void fdflags_done(void); /* once for each fdflags_nonblock() */
void fdflags_restore_all(void);

/* Where 0, 1 or 2 is not open at start, no socket or log of ours may take its
 * number: /dev/null goes there, opened so that the missing direction fails. */
void fdflags_guard_stdio(void);

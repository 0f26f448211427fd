#include "common/base/fdflags.h"

#include <assert.h>
#include <fcntl.h>

static struct {
    int fd;
    int flags; /* as they were found */
} kept[FDFLAGS_MAX];
static unsigned n_kept, n_users;

bool fdflags_nonblock(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0)
        return false;
    n_users++;
    /* Already so: another of ours did it (same description), or our parent
     * wants it that way. */
    if (flags & O_NONBLOCK)
        return true;
    assert(n_kept < FDFLAGS_MAX);
    kept[n_kept].fd = fd;
    kept[n_kept].flags = flags;
    n_kept++;
    return fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

void fdflags_restore_all(void)
{
    while (n_kept > 0) {
        n_kept--;
        (void)fcntl(kept[n_kept].fd, F_SETFL, kept[n_kept].flags);
    }
}

void fdflags_done(void)
{
    assert(n_users > 0);
    if (--n_users == 0)
        fdflags_restore_all();
}

void fdflags_guard_stdio(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0) /* the lowest free number is this one */
            (void)open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

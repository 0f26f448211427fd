/*
 * faulty -- ends with a fault, so that the tests can prove that they see it.
 *
 *   faulty FAULT [--ready-fd FD | now]
 *
 * Says that it is ready and waits for SIGTERM, unless told "now".  FAULT is what
 * it does then:
 * "none", "leak", "use-after-free", "overflow" (of an int), "status" (3),
 * "stay" (does not end).  "sanitized" only tells whether it could report: 0 or 1.
 */
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

/* volatile: the compiler must neither see the fault nor remove it. */
static volatile char *volatile block;
static volatile int number = INT_MAX;

static void lose(void)
{
    block = malloc(1000);
    block = NULL;
}

static int fault(const char *name)
{
    if (strcmp(name, "leak") == 0) {
        for (int i = 0; i < 10; i++) /* one may be left in a register */
            lose();
    } else if (strcmp(name, "use-after-free") == 0) {
        block = malloc(10);
        free((void *)block);
        return block[1] & 0;
    } else if (strcmp(name, "overflow") == 0) {
        number = number + 1;
    } else if (strcmp(name, "status") == 0) {
        return 3;
    }
    return 0;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "none";
    sigset_t term;
    int got;

    if (strcmp(name, "sanitized") == 0)
        return SANITIZED ? 0 : 1;
    if (argc > 2 && strcmp(argv[2], "now") == 0)
        return fault(name);
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, NULL);
    if (argc > 3 && write(atoi(argv[3]), "ready\n", 6) != 6)
        return 71;
    do {
        sigwait(&term, &got);
    } while (strcmp(name, "stay") == 0);
    return fault(name);
}

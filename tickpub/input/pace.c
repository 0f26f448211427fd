#include "tickpub/input/pace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SPEED_MAX = 1000000 };

bool pace_parse(struct pace *p, const char *text, struct err *err)
{
    char *end;
    double speed;

    if (strcmp(text, "max") == 0) {
        *p = (struct pace){0};
        return true;
    }
    speed = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(speed) || speed <= 0 ||
        speed > (double)SPEED_MAX)
        return err_set(err, ERR_USAGE,
                       "--speed: '%s' is not a speed (try 1, 10, 0.5, max)",
                       text);
    *p = (struct pace){.speed = speed};
    return true;
}

int64_t pace_wait_ns(struct pace *p, int64_t event_ns, int64_t now_ns)
{
    double due_ns;

    if (p->speed <= 0)
        return 0;
    if (!p->begun) {
        p->begun = true;
        p->first_event_ns = event_ns;
        p->first_now_ns = now_ns;
    }
    due_ns = (double)(event_ns - p->first_event_ns) / p->speed -
             (double)(now_ns - p->first_now_ns);
    if (due_ns <= 0)
        return 0;
    /* Four years are as good as never, and fit. */
    return due_ns < 0x1p57 ? (int64_t)due_ns : INT64_C(1) << 57;
}

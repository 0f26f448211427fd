#include "common/app/line_fault.h"

#include <inttypes.h>

#include "common/base/log.h"

bool line_fault_skip(const struct line_fault *f, bool strict, struct err *err)
{
    struct log_quote room;
    const char *why;

    if (strict && f->column > 0)
        return err_set(err, ERR_INPUT, "line %" PRIu64 ", column %u: %s",
                       f->line, f->column, f->why);
    if (strict)
        return err_set(err, ERR_INPUT, "line %" PRIu64 ": %s", f->line, f->why);
    why = log_quote(&room, span_str(f->why));
    if (f->column > 0)
        log_warn("bad_line", "line=%" PRIu64 " column=%u why=%s", f->line,
                 f->column, why);
    else
        log_warn("bad_line", "line=%" PRIu64 " why=%s", f->line, why);
    return true;
}

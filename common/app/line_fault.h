/*
 * line_fault.h -- a line of the input that is wrong: where, and why.
 *
 * It is skipped and logged as ev=bad_line, of which log.h holds back what comes
 * too fast; under --strict it ends the tool with exit status 65.  Counting is
 * the tool's own: it has its metrics and its reasons.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

struct line_fault {
    uint64_t line;   /* from 1 */
    unsigned column; /* from 1; 0: not known, or the line as a whole */
    const char *why;
};

/* True: logged, go on.  False: it was strict, and *err says it (ERR_INPUT). */
bool line_fault_skip(const struct line_fault *f, bool strict, struct err *err);

/*
 * local.h -- the gateway in a pipe: messages in, what clients ask for out.
 *
 * --stdin   each line is one JSON event; it goes to the channel of its route
 *           with "source":"local".  At the end of input the gateway stops, as
 *           every tool does, unless --linger.
 * --stdout  one JSON object for each thing that a client asks for: connect,
 *           subscribe, unsubscribe, publish, disconnect.  A reader that went
 *           away ends the gateway quietly; lost output is exit status 74.
 *
 * Ownership   w->stdio is allocated by stdio_open(); stdio_stop() closes its
 *             handles (from gate_stop(), after the last client was let go, so
 *             that `disconnect` lines are written), stdio_free() frees it after
 *             the loop has ended
 */
#ifndef WSGATE_CHANNELS_STDIO_H
#define WSGATE_CHANNELS_STDIO_H

#include <stdbool.h>

#include "common/base/err.h"
#include "wsgate/wsgate.h"

/* Does nothing, and succeeds, where neither --stdin nor --stdout is given. */
bool stdio_open(struct wsgate *w, struct err *err);
/* No more lines are read; output goes on. */
void stdio_stop_input(struct wsgate *w);
void stdio_stop(struct wsgate *w);
void stdio_free(struct wsgate *w);

#endif

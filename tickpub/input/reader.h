/*
 * reader.h -- events from a source: read, checked, and held until they are due.
 *
 *   source --line--> intake --event--> pace --> on_event
 *
 * Lines are numbered from 1.  The reader stands still while there is a reason
 * for it: each is a bit that the caller chooses.  A recorded event that is not
 * due yet is one more, of the reader's own.
 *
 * Ownership   embedded in its owner; what reader_open() began reader_close()
 *             ends, and reader_free() frees once the loop is done with it
 * Errors      reader_open() says why; on_end has the errno of a read
 */
#pragma once

#include <uv.h>

#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/event/event.h"
#include "tickpub/input/intake.h"
#include "tickpub/input/pace.h"
#include "tickpub/input/source.h"

enum { READER_NOT_DUE = 1 << 16 }; /* its own reason to stand still */

struct reader_options {
    const char *feed;         /* NULL: native */
    struct event_rules rules; /* what events may have */
    int64_t max_future_ms;
    int64_t max_line_bytes;
    const char *replay; /* a file, "-" or NULL: standard input at once */
    struct pace pace;   /* of replay */
    const struct source_simulation *simulation; /* NULL: lines are read */
};

struct reader_events {
    /* *ev is valid until it returns. */
    void (*on_event)(void *arg, const struct event *ev, uint64_t line);
    /* fault: enum event_fault or enum report_fault; column 0: not known. */
    void (*on_bad)(void *arg, unsigned fault, uint64_t line, unsigned column);
    /* Nothing more can be had without waiting. */
    void (*on_drained)(void *arg);
    /* No event follows. */
    void (*on_end)(void *arg, int errnum);
};

struct reader {
    struct intake intake;
    struct event event;    /* of the line at hand */
    struct source *source; /* NULL: stopped */
    int fd;                /* of the recording; 0: standard input */
    bool timed;            /* events keep their spacing */
    unsigned paused;       /* reasons */
    struct pace pace;
    struct bytes held; /* the line that waits for its time */
    uint64_t held_number;
    uv_timer_t held_timer;
    struct reader_events events;
    void *arg;
};

bool reader_open(struct reader *r, uv_loop_t *loop,
                 const struct reader_options *options,
                 const struct reader_events *events, void *arg,
                 struct err *err);
void reader_pause(struct reader *r, unsigned reason);
void reader_resume(struct reader *r, unsigned reason);
/* Read no further. */
void reader_stop(struct reader *r);
/* The same, for good; also of one that reader_open() did not open. */
void reader_close(struct reader *r);
void reader_free(struct reader *r);

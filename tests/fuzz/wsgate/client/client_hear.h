/*
 * client_hear.h -- what the clients of client_fuzz.c hear of channels.
 *
 * The seq of each channel ascends, and who has taken all that there was for it
 * has heard the newest of each of its streams.  What messages say, and which of
 * them may be left out, is the model's affair (tests/unit/wsgate/model).
 */
#pragma once

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/span.h"
#include "wsgate/channels/message.h"
#include "wsgate/client/client.h"
#include "wsgate/client/clients.h"
#include "wsgate/fanout/hearing.h"

enum { HEARD_MAX = 16, HEARD_NAME = 64 };

struct heard {
    struct {
        char name[HEARD_NAME];
        uint64_t seq; /* the highest of this channel so far */
    } at[HEARD_MAX];
    unsigned n;
    uint64_t since; /* frame at which its subscriptions changed last */
    bool anew;      /* it has read that one ended */
};

/* NULL: it is not remembered. */
static uint64_t *heard_seq(struct heard *h, struct span name, bool make)
{
    for (unsigned i = 0; i < h->n; i++) {
        if (span_is(name, h->at[i].name))
            return &h->at[i].seq;
    }
    if (!make || h->n == HEARD_MAX || name.len >= HEARD_NAME)
        return NULL;
    memcpy(h->at[h->n].name, name.ptr, name.len);
    h->at[h->n].name[name.len] = '\0';
    h->at[h->n].seq = 0;
    return &h->at[h->n++].seq;
}

/* {"type":"update","channel":"x","seq":1, ... */
static void heard_text(struct heard *h, struct span text)
{
    static const char update[] = "{\"type\":\"update\",\"channel\":\"",
                      snapshot[] = "{\"type\":\"snapshot\",\"channel\":\"",
                      given_up[] = "{\"type\":\"unsubscribed\"";
    bool is_update = span_starts(text, update);
    const char *name, *end;
    uint64_t *seq, now;

    if (span_starts(text, given_up)) {
        h->anew = true;
        h->n = 0; /* its seq may start again */
    }
    if (!is_update && !span_starts(text, snapshot))
        return;
    name = text.ptr + (is_update ? sizeof update : sizeof snapshot) - 1;
    end = memchr(name, '"', (size_t)(text.ptr + text.len - name));
    assert(end != NULL);
    seq = heard_seq(h, span_make(name, (size_t)(end - name)), true);
    now = strtoull(end + strlen("\",\"seq\":"), NULL, 10);
    if (!seq)
        return;
    assert(is_update ? now > *seq : now >= *seq);
    *seq = now;
}

/* The newest frame of the stream; NULL: none yet, or only what was cached. */
static const struct conflation_key *heard_newest(const struct stream *s)
{
    const struct conflation_key *newest = NULL;

    for (uint32_t i = 0; i < s->n_keys; i++) {
        if (s->keys[i].frame > 0 &&
            (!newest || s->keys[i].frame > newest->frame))
            newest = &s->keys[i];
    }
    return newest;
}

/* Nothing waits for it. */
static bool heard_all(const struct client *c)
{
    return c->dialect == DIALECT_NATIVE && !c->ended && !c->closing &&
           c->m.group && !c->m.backlog && !c->snapshots;
}

/* Which stream of this root it hears, as far as that has been asked already: to
 * ask it here may be the first time. */
static const struct stream *heard_stream(const struct client *c,
                                         const struct stream *root)
{
    struct keys keys = group_keys(c->m.group);

    if (!root || root->root != root || root->looked < keys.newest)
        return NULL;
    return hearing_of(c->registry->fanout, keys, root).stream;
}

static void heard_check(struct heard *h, const struct client *c)
{
    const struct fanout *fanout = c->registry->fanout;
    const struct framelog *log = &fanout->log;

    if (h->anew)
        h->since = log->head;
    h->anew = false;
    for (uint32_t i = 0; heard_all(c) && i < fanout->n_streams; i++) {
        const struct stream *s = heard_stream(c, fanout->streams[i]);
        const struct channel *channel =
            s ? ((const struct view *)s)->channel : NULL;
        const struct conflation_key *k = s ? heard_newest(s) : NULL;
        const uint64_t *seq = s ? heard_seq(h, channel->name, false) : NULL;
        struct span frame = k ? stream_frame(k, log) : span_make(NULL, 0);

        if (frame.len == 0 || k->frame < h->since || h->n == HEARD_MAX)
            continue;
        assert(seq != NULL);
        assert(*seq >= message_update_seq(frame, channel->prefix));
    }
}

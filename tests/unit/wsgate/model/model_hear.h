/*
 * model_hear.h -- what a client reads, judged frame by frame.
 *
 * Source      docs/decisions/0013-what-a-client-hears.md, docs/protocol.md
 */
#pragma once

#include "tests/unit/wsgate/model/model_client.h"

/* --- how it hears a channel, as far as it has read --- */

static unsigned had(const struct visitor *v, int c)
{
    unsigned n = 0;

    for (unsigned i = 0; i < NAMES; i++)
        n += v->subs[i].had && covers(i, c);
    return n;
}

/* Is every frame of the channel owed to it?  A name goes before wildcards. */
static bool is_owed_all(const struct visitor *v, int c)
{
    const struct subscription *s = &v->subs[c];
    bool all = true;

    if (s->had)
        return s->interval_ms == 0 && (s->all || v->fast);
    for (unsigned i = CHANNELS; i < NAMES; i++) {
        s = &v->subs[i];
        if (s->had && covers(i, c))
            all = all && s->interval_ms == 0 && (s->all || v->fast);
    }
    return all && had(v, c) > 0;
}

static void begin_channel(struct visitor *v, const struct take *t, int c)
{
    struct ear *h = &v->heard[c];

    h->floor = h->last_update = 0;
    if (strcmp(h->epoch, t->epochs[c]) != 0) {
        h->n_told = 0; /* the gateway has forgotten, too */
        h->asked = 0;
        memcpy(h->epoch, t->epochs[c], EPOCH);
    }
}

/* --- messages --- */

static struct last_told *told_of(struct ear *h, uint32_t number)
{
    const struct record *r = record_of(number);
    unsigned oldest = 0;

    for (unsigned i = 0; i < h->n_told; i++) {
        if (same_slot(record_of(h->told[i].record), r))
            return &h->told[i];
        if (h->told[i].record < h->told[oldest].record)
            oldest = i;
    }
    if (h->n_told < TOLD_MAX)
        oldest = h->n_told++;
    h->told[oldest] = (struct last_told){0};
    return &h->told[oldest];
}

/* Where the documented window of a publisher that sends two commands may be:
 * what was shown had been cached and not published. */
static bool may_be_window(const struct last_told *t)
{
    const struct record *r = record_of(t->record);

    return !t->update && r->parted && r->read_between;
}

/* It is open where others, or it as well, are covered through a wildcard since it
 * was read. */
static bool has_others(const struct visitor *v, int c, uint32_t number)
{
    if (shared_until[c] >= record_of(number)->read_step || given(v, c) > 1)
        return true;
    for (int i = 0; i < VISITORS; i++) {
        if (visitors[i].fd >= 0 && &visitors[i] != v &&
            given(&visitors[i], c) > 0)
            return true;
    }
    return false;
}

static void check_again(struct visitor *v, int c, const struct last_told *t,
                        bool update)
{
    const struct ear *h = &v->heard[c];

    if (!update) {
        if (t->repeats >= h->asked) /* at most once for each that it asked */
            broken(CHECK_TWICE, number_of(v), c, "m=%u is shown again",
                   t->record);
        return;
    }
    if (!may_be_window(t) || !has_others(v, c, t->record))
        broken(may_be_window(t) ? CHECK_WINDOW : CHECK_TWICE, number_of(v), c,
               "m=%u comes again after the %s", t->record,
               t->update ? "update" : "snapshot");
}

static void check_seq(struct visitor *v, int c, bool update, uint64_t seq)
{
    struct ear *h = &v->heard[c];

    if (update ? seq <= h->floor : seq < h->floor)
        broken(CHECK_ORDER, number_of(v), c,
               "%s with seq %" PRIu64 " after %" PRIu64,
               update ? "update" : "snapshot", seq, h->floor);
    h->floor = seq;
    if (!update)
        return;
    h->last_update = seq;
    if (!is_owed_all(v, c)) {
        h->pos = POS_UNKNOWN;
        return;
    }
    if (h->pos != POS_UNKNOWN && issue_before(&gate.issues[c], seq) > h->pos)
        broken(CHECK_LOST, number_of(v), c,
               "%" PRIu64 " follows %" PRIu64 ", but there is %" PRIu64, seq,
               h->pos, issue_before(&gate.issues[c], seq));
    h->pos = seq;
}

static void hear_message(struct visitor *v, int c, bool update, uint64_t seq,
                         uint32_t number)
{
    struct ear *h = &v->heard[c];
    const struct channel *channel = gate_channel(c);
    const struct record *r = record_of(number);
    struct last_told *t;

    if (number == 0 || number > feeds.n) {
        broken(CHECK_ORDER, number_of(v), c, "a message that nobody sent");
        return;
    }
    record_show(number_of(v), c, update ? "is told" : "is shown", number);
    trace(number_of(v), c, "  with seq %" PRIu64, seq);
    if (r->secret)
        broken(CHECK_PRIVATE, number_of(v), c, "m=%u is somebody's own",
               number);
    if (r->channel != c || had(v, c) == 0)
        broken(CHECK_ORDER, number_of(v), c, "m=%u was not asked for", number);
    if (channel)
        snprintf(h->epoch, EPOCH, "%s", channel->epoch);
    check_seq(v, c, update, seq);
    t = told_of(h, number);
    if (t->record > number &&
        !(r->parted && may_be_window(t) && has_others(v, c, t->record)))
        broken(CHECK_OLDER, number_of(v), c, "m=%u comes after m=%u", number,
               t->record);
    if (t->record == number)
        check_again(v, c, t, update);
    t->repeats += t->record == number && !update;
    t->record = number;
    t->update = update;
    t->seen = true;
}

/* --- answers --- */

static void hear_asked(struct visitor *v, unsigned name)
{
    for (int c = 0; c < CHANNELS; c++)
        v->heard[c].asked += covers(name, c);
}

static void hear_subscribed(struct visitor *v, unsigned name,
                            const struct asked *asked, int64_t seq)
{
    const struct take *t = &v->takes[v->first_take++ % TAKES];
    struct subscription *s = &v->subs[name];

    v->n_takes--;
    assert_int_equal(t->name, name);
    for (int c = 0; c < CHANNELS; c++) {
        struct ear *h = &v->heard[c];
        bool was_all;
        if (!covers(name, c))
            continue;
        was_all = is_owed_all(v, c) && h->pos != POS_UNKNOWN;
        if (had(v, c) == 0)
            begin_channel(v, t, c);
        if (!was_all)
            h->pos = name < CHANNELS ? (uint64_t)seq
                     : had(v, c) > 0 ? POS_UNKNOWN
                                     : t->seqs[c];
    }
    s->had = true;
    s->refused = false;
    s->all = asked->all;
    s->interval_ms = asked->interval_ms;
    hear_asked(v, name);
    for (int c = 0; c < CHANNELS; c++) {
        if (covers(name, c) && !is_owed_all(v, c))
            v->heard[c].pos = POS_UNKNOWN;
    }
    if (name >= CHANNELS)
        return;
    if ((uint64_t)seq < v->heard[name].last_update)
        broken(CHECK_ORDER, number_of(v), (int)name,
               "acknowledged with seq %" PRId64 " after update %" PRIu64, seq,
               v->heard[name].last_update);
    if ((uint64_t)seq > v->heard[name].floor)
        v->heard[name].floor = (uint64_t)seq;
}

static void hear_unsubscribed(struct visitor *v, unsigned name)
{
    for (int c = 0; c < CHANNELS; c++) {
        if (covers(name, c) && !is_owed_all(v, c))
            v->heard[c].pos = POS_UNKNOWN;
    }
    v->subs[name].had = v->subs[name].refused = false;
    /* An interval shows a new member what it told last. */
    for (int c = 0; c < CHANNELS; c++) {
        if (covers(name, c) && had(v, c) == 0)
            v->heard[c].n_told = 0;
    }
    hear_asked(v, name);
}

/* In-band: Redis grants it again.  Whose answer waited for that, too, is told
 * twice. */
static void hear_granted(struct visitor *v, unsigned name)
{
    if (!v->subs[name].had)
        broken(CHECK_REFUSED, number_of(v), NOBODY,
               "%s is granted, and was not asked for", name_of(name));
    v->subs[name].refused = false;
}

static void hear_result(struct visitor *v, const json_value *answer,
                        const json_value *result, bool subscribed)
{
    struct span channel = {0}, code = span_str("");
    bool ok = false;
    int64_t id = 0, seq = 0;
    int name;

    (void)json_text(json_member(result, "channel"), &channel);
    (void)json_text(json_member(result, "code"), &code);
    (void)json_bool(json_member(result, "ok"), &ok);
    (void)json_int(json_member(result, "seq"), &seq);
    name = name_number(channel);
    assert_true(name >= 0);
    trace(number_of(v), name < CHANNELS ? name : NOBODY,
          "reads %s %s %.*s seq %" PRId64,
          subscribed ? "subscribed" : "unsubscribed", name_of((unsigned)name),
          SPAN_ARG(ok ? span_str("ok") : code), seq);
    if (!ok)
        return;
    if (!subscribed)
        hear_unsubscribed(v, (unsigned)name);
    else if (json_int(json_member(answer, "id"), &id))
        hear_subscribed(v, (unsigned)name, &v->asked[(uint64_t)id % REQUESTS],
                        seq);
    else
        hear_granted(v, (unsigned)name);
}

static void hear_error(struct visitor *v, const json_value *error)
{
    struct span channel = {0}, code = span_str("");
    int name;

    (void)json_text(json_member(error, "code"), &code);
    if (!span_is(code, "refused") ||
        !json_text(json_member(error, "channel"), &channel)) {
        trace(number_of(v), NOBODY, "reads error %.*s", SPAN_ARG(code));
        return;
    }
    name = name_number(channel);
    assert_true(name >= 0);
    trace(number_of(v), NOBODY, "reads that %s is refused",
          name_of((unsigned)name));
    if (!v->subs[name].had)
        broken(CHECK_REFUSED, number_of(v), NOBODY,
               "%s is refused, and was not asked for", name_of((unsigned)name));
    v->subs[name].refused = true;
}

static void hear_answer(struct visitor *v, struct span text)
{
    json_value *root = json_read(text, NULL);
    const json_value *results = json_member(root, "results");
    struct span type = {0};

    assert_non_null(root);
    (void)json_text(json_member(root, "type"), &type);
    if (span_is(type, "error"))
        hear_error(v, root);
    for (size_t i = 0; i < json_count(results); i++)
        hear_result(v, root, json_item(results, i),
                    span_is(type, "subscribed"));
    json_free(root);
}

/* --- frames --- */

/* {"type":"update","channel":"x","seq":1,"data":{"m":2, ... */
static void hear_text(struct visitor *v, struct span text)
{
    static const char update[] = "{\"type\":\"update\",\"channel\":\"",
                      snapshot[] = "{\"type\":\"snapshot\",\"channel\":\"";
    bool is_update = span_starts(text, update);
    size_t head = is_update ? sizeof update - 1 : sizeof snapshot - 1;
    const char *name = text.ptr + head, *end, *data;
    int c;

    if (!is_update && !span_starts(text, snapshot)) {
        hear_answer(v, text);
        return;
    }
    end = memchr(name, '"', text.len - head);
    assert_non_null(end);
    c = channel_named(span_make(name, (size_t)(end - name)));
    assert_true(c >= 0);
    data = memmem(end, (size_t)(text.ptr + text.len - end), "\"data\":", 7);
    assert_non_null(data);
    hear_message(v, c, is_update,
                 strtoull(end + strlen("\",\"seq\":"), NULL, 10),
                 record_in(span_make(
                     data + 7, (size_t)(text.ptr + text.len - data) - 7)));
}

/* False: the rest of the next frame has to come first. */
static bool hear_frame(struct visitor *v, struct span in, size_t *len)
{
    const unsigned char *at = (const unsigned char *)in.ptr;
    size_t head, n;

    if (in.len < 2)
        return false;
    n = at[1];
    head = n == 126 ? 4 : n == 127 ? 10 : 2;
    if (in.len < head)
        return false;
    for (size_t i = 2; i < head; i++)
        n = i == 2 ? at[i] : n << 8 | at[i];
    if (in.len - head < n)
        return false;
    *len = head + n;
    assert_false(v->closed); /* nothing follows a close frame */
    if ((at[0] & 15) == WS_OP_TEXT)
        hear_text(v, span_make(in.ptr + head, n));
    v->closed = (at[0] & 15) == WS_OP_CLOSE;
    if (v->closed)
        trace(number_of(v), NOBODY, "is closed: %.*s",
              SPAN_ARG(span_make(in.ptr + head + 2, n - 2)));
    return true;
}

static void visitors_hear(void)
{
    for (int i = 0; i < VISITORS; i++) {
        struct visitor *v = &visitors[i];
        struct span in = bytes_span(&v->in);
        size_t len;

        if (v->fd < 0 || in.len == 0)
            continue;
        while (hear_frame(v, in, &len))
            in = span_make(in.ptr + len, in.len - len);
        bytes_drop(&v->in, v->in.len - in.len);
    }
}

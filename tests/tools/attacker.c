/*
 * attacker -- twenty hostile clients at once, for the tests: one of each kind of
 * tests/tools/load/attack.h, each from an address of its own.
 *
 *   attacker -p PORT [-d SECONDS] [-x SCALE] [-k KIND]...
 *
 * -x: of connections and rates, 1.  -k: these alone (a name of attack.c).
 * Ends after SECONDS (60), at SIGTERM or at the end of standard input; then
 * writes what was done, an object of JSON a line, one for each kind:
 *
 *   {"kind":"pings","acts":…,"sent":…,"connects":…,"refused":…,"ended":…,
 *    "held":…,"received":…}
 *
 * Bounds  connections and acts of each kind are bounded by attack.c, and a
 *         connection whose last act is not read yet does nothing
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/json/json_writer.h"
#include "tests/tools/load/attack.h"

enum {
    MS = 1000000,
    READ_MAX = 1 << 16,
    DRIP_A_SECOND = 1024,
    DRIPS_A_SECOND = 8,
    SMALL_RCVBUF = 4096,
    AGAIN_MS = 500,       /* after a connection was ended or refused */
    LEAVES_AFTER_MS = 50, /* an act, so that an answer may come */
    EVENTS_MAX = 512,
};

struct troop {
    const struct attack_kind *kind; /* NULL: not asked for */
    struct attack_conn *conns;
    unsigned count, next;
    double rate, credit;
    double comes; /* connections that may be made now */
    struct attack_count done;
};

struct war {
    int epoll;
    unsigned port;
    double scale;
    struct troop troops[ATTACK_KINDS];
    uint64_t last_ns, drip_ns;
    struct bytes act; /* scratch */
};

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

/* --- one connection --- */

static void lose(struct attack_conn *c, bool rst, uint64_t again_ms,
                 uint64_t now_ns)
{
    peer_close(&c->peer, rst);
    c->next_ns = now_ns + again_ms * MS;
}

static void come(struct war *w, struct troop *t, struct attack_conn *c,
                 uint64_t now_ns)
{
    const struct attack_kind *k = t->kind;

    t->done.connects++;
    if (!k->connects)
        c->turn = 0;
    if (!peer_open(&c->peer, w->epoll, ATTACK_FIRST_ADDRESS + c->kind, w->port,
                   k->path, k->reads == ATTACK_READS_ALL ? 0 : SMALL_RCVBUF)) {
        t->done.refused++;
        c->next_ns = now_ns + (uint64_t)AGAIN_MS * MS;
    }
}

/* What comes after an act that was the connection's only one. */
static void leave(struct war *w, struct troop *t, struct attack_conn *c,
                  uint64_t now_ns)
{
    (void)w;
    switch (t->kind->then) {
    case ATTACK_STAYS:
        break;
    case ATTACK_RESETS:
        lose(c, true, 0, now_ns);
        break;
    case ATTACK_HALF:
        if (c->peer.fd >= 0)
            shutdown(c->peer.fd, SHUT_WR);
        c->next_ns = now_ns + (uint64_t)LEAVES_AFTER_MS * MS;
        break;
    case ATTACK_LEAVES:
        c->next_ns = now_ns + (uint64_t)LEAVES_AFTER_MS * MS;
        break;
    }
}

static void act(struct war *w, struct troop *t, struct attack_conn *c,
                uint64_t now_ns)
{
    bytes_clear(&w->act);
    t->kind->act(c, &w->act);
    if (peer_send(&c->peer, w->epoll, bytes_span(&w->act))) {
        t->done.acts++;
        t->done.sent += w->act.len;
    }
    c->turn++;
    if (t->kind->connects)
        leave(w, t, c, now_ns);
}

static void on_event(struct war *w, struct attack_conn *c, uint32_t events,
                     uint64_t now_ns)
{
    struct troop *t = &w->troops[c->kind];
    bool drips =
        t->kind->reads == ATTACK_READS_DRIP && c->peer.state == PEER_OPEN;
    size_t most = drips ? DRIP_A_SECOND / DRIPS_A_SECOND : READ_MAX;
    uint64_t before = c->peer.received;

    switch (peer_on_event(&c->peer, w->epoll, events, most)) {
    case PEER_OPENED:
        if (t->kind->connects)
            act(w, t, c, now_ns);
        if (t->kind->reads == ATTACK_READS_NOTHING && c->peer.fd >= 0)
            peer_set_deaf(&c->peer, w->epoll, true);
        break;
    case PEER_REFUSED:
        t->done.refused++;
        lose(c, false, AGAIN_MS, now_ns);
        break;
    case PEER_ENDED:
        t->done.ended++;
        lose(c, false, AGAIN_MS, now_ns);
        break;
    case PEER_DATA:
        c->peer.in_at = c->peer.in.len; /* nobody looks at it */
        if (drips)
            peer_set_deaf(&c->peer, w->epoll, true);
        break;
    case PEER_NOTHING:
        break;
    }
    t->done.received += c->peer.received - before;
}

/* --- all of a kind --- */

/* Whether it can do something; of those whose act is a connection, come. */
static bool can_act(const struct troop *t, struct attack_conn *c,
                    uint64_t now_ns)
{
    bool is_free = c->peer.state == PEER_OPEN && !peer_is_held(&c->peer);

    if (now_ns < c->next_ns)
        return false;
    if (!t->kind->connects)
        return is_free;
    if (is_free) /* it has had its act, and time for an answer */
        peer_close(&c->peer, false);
    return c->peer.state == PEER_CLOSED;
}

/* NULL: none can. */
static struct attack_conn *next_of(struct troop *t, uint64_t now_ns)
{
    for (unsigned i = 0; i < t->count; i++) {
        struct attack_conn *c = &t->conns[t->next];
        t->next = (t->next + 1) % t->count;
        if (can_act(t, c, now_ns))
            return c;
    }
    return NULL;
}

/* All that are to stay come within two seconds, and come again. */
static void come_all(struct war *w, struct troop *t, double seconds,
                     uint64_t now_ns)
{
    t->comes += t->count * seconds / 2;
    for (unsigned i = 0; i < t->count && t->comes > 0; i++) {
        struct attack_conn *c = &t->conns[i];
        if (c->peer.state != PEER_CLOSED || now_ns < c->next_ns)
            continue;
        come(w, t, c, now_ns);
        t->comes -= 1;
    }
    if (t->comes > 0)
        t->comes = 0;
}

static void attack(struct war *w, struct troop *t, double seconds,
                   uint64_t now_ns)
{
    if (!t->kind->connects)
        come_all(w, t, seconds, now_ns);
    t->credit += t->rate * seconds;
    if (t->credit > t->rate / 10 + 1)
        t->credit = t->rate / 10 + 1;
    while (t->credit >= 1) {
        struct attack_conn *c = next_of(t, now_ns);
        t->credit -= 1;
        if (!c)
            t->done.held++;
        else if (c->peer.state == PEER_CLOSED)
            come(w, t, c, now_ns);
        else
            act(w, t, c, now_ns);
    }
}

static void drip(struct war *w, uint64_t now_ns)
{
    if (now_ns < w->drip_ns)
        return;
    w->drip_ns = now_ns + (uint64_t)1000 * MS / DRIPS_A_SECOND;
    for (unsigned k = 0; k < ATTACK_KINDS; k++) {
        struct troop *t = &w->troops[k];
        if (!t->kind || t->kind->reads != ATTACK_READS_DRIP)
            continue;
        for (unsigned i = 0; i < t->count; i++) {
            if (t->conns[i].peer.deaf)
                peer_set_deaf(&t->conns[i].peer, w->epoll, false);
        }
    }
}

static void turn(struct war *w)
{
    static struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(w->epoll, events, EVENTS_MAX, 2);
    uint64_t now = clock_mono_ns();
    double seconds = (double)(now - w->last_ns) / 1e9;

    for (int i = 0; i < n; i++) {
        struct attack_conn *c = events[i].data.ptr;
        char end;
        if (c && c->peer.fd >= 0)
            on_event(w, c, events[i].events, now);
        else if (!c && read(STDIN_FILENO, &end, 1) <= 0)
            stopped = 1;
    }
    for (unsigned k = 0; k < ATTACK_KINDS; k++) {
        if (w->troops[k].kind)
            attack(w, &w->troops[k], seconds, now);
    }
    drip(w, now);
    w->last_ns = now;
}

/* --- start and end --- */

static void report(const struct troop *t)
{
    struct bytes text;
    struct json_writer j = {.out = &text};

    bytes_init(&text);
    json_write_object(&j, NULL);
    json_write_str(&j, "kind", t->kind->name);
    json_write_uint(&j, "acts", t->done.acts);
    json_write_uint(&j, "sent", t->done.sent);
    json_write_uint(&j, "connects", t->done.connects);
    json_write_uint(&j, "refused", t->done.refused);
    json_write_uint(&j, "ended", t->done.ended);
    json_write_uint(&j, "held", t->done.held);
    json_write_uint(&j, "received", t->done.received);
    json_write_object_end(&j);
    printf("%.*s\n", (int)text.len, text.ptr);
    bytes_close(&text);
}

static void muster(struct war *w, unsigned k)
{
    struct troop *t = &w->troops[k];

    t->kind = &attack_kinds[k];
    t->rate = t->kind->rate * w->scale;
    t->count = (unsigned)(t->kind->conns * w->scale + 0.999);
    t->conns = mem_zero(t->count * sizeof *t->conns);
    for (unsigned i = 0; i < t->count; i++) {
        t->conns[i].kind = k;
        t->conns[i].turn = 0;
        peer_init(&t->conns[i].peer);
    }
}

static bool is_named(const char *name, char **names, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return n == 0;
}

int main(int argc, char **argv)
{
    static struct war w = {.scale = 1};
    struct epoll_event input = {.events = EPOLLIN};
    struct sigaction on_term = {.sa_handler = on_signal};
    char *names[ATTACK_KINDS];
    unsigned n = 0;
    double seconds = 60;
    uint64_t end;
    int o;

    while ((o = getopt(argc, argv, "p:d:x:k:")) != -1) {
        if (o == 'p')
            w.port = (unsigned)strtoul(optarg, NULL, 10);
        else if (o == 'd')
            seconds = strtod(optarg, NULL);
        else if (o == 'x')
            w.scale = strtod(optarg, NULL);
        else if (o == 'k' && n < ATTACK_KINDS)
            names[n++] = optarg;
        else
            return 64;
    }
    if (w.port == 0 || w.scale <= 0)
        return 64;
    sigaction(SIGTERM, &on_term, NULL);
    w.epoll = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(w.epoll, EPOLL_CTL_ADD, STDIN_FILENO, &input);
    bytes_init(&w.act);
    for (unsigned k = 0; k < ATTACK_KINDS; k++) {
        if (is_named(attack_kinds[k].name, names, n))
            muster(&w, k);
    }
    w.last_ns = clock_mono_ns();
    end = w.last_ns + (uint64_t)(seconds * 1e9);
    while (!stopped && w.last_ns < end)
        turn(&w);
    for (unsigned k = 0; k < ATTACK_KINDS; k++) {
        if (w.troops[k].kind)
            report(&w.troops[k]);
    }
    return 0;
}

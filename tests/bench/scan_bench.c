/*
 * scan_bench MODE FILE [REPEATS] -- our scanners, measured as jbench measures.
 *
 * MODE  strict  event_read_strict()
 *       shape   event_read() as tools use it
 *       peek    event_peek()
 *       binance feed_read() with the binance feed
 *
 * The file is in memory before the clock starts; what is timed is to cut it
 * into lines with the line reader and to read them.  CPU time of the process.  The sums are those
 * of jbench for the same file: same count, same sum of times, same symbols;
 * bid and ask are summed as decimals.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/base/decimal_sum.h"
#include "common/base/line.h"
#include "common/event/event_reader.h"
#include "common/feed/feed.h"

enum { REPEATS_MAX = 64, LINE_MAX_BYTES = 1 << 20 };

struct sum {
    int128 mant;
    uint8_t scale;
};

struct sums {
    uint64_t lines, bad, times, symbols;
    struct sum bid, ask;
};

static struct event_reader *native;
static struct feed_reader *binance;

static double cpu_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void add_slow(struct sum *s, struct decimal d)
{
    struct decimal_sum sum = decimal_sum_of(s->mant, s->scale);

    decimal_sum_add(&sum, d);
    *s = (struct sum){decimal_sum_low(&sum), sum.scale};
}

static const char *text_of(struct sum s, char text[DECIMAL_SUM_TEXT_MAX])
{
    struct decimal_sum sum = decimal_sum_of(s.mant, s.scale);

    decimal_sum_format(&sum, text);
    return text;
}

static inline void take(struct sums *s, const struct event *ev)
{
    size_t len = ev->symbol.len;
    uint64_t word;

    memcpy(&word, ev->symbol.ptr, sizeof word);
    if (len < sizeof word)
        word &= ~(UINT64_MAX << 8 * len);
    s->lines++;
    s->times += (uint64_t)ev->time_ns / 1000000;
    s->symbols += word * (2 * (s->lines & 0xff) + 1);
    /* One addition each while the scales are equal, as jbench's are. */
    if (__builtin_expect(s->bid.scale != ev->bid.scale ||
                             s->ask.scale != ev->ask.scale,
                         0)) {
        add_slow(&s->bid, ev->bid);
        add_slow(&s->ask, ev->ask);
        return;
    }
    s->bid.mant += ev->bid.mant;
    s->ask.mant += ev->ask.mant;
}

static void each_strict(struct span line, struct sums *s)
{
    static struct event ev;
    unsigned column;

    if (event_read_strict(line, &ev, &column) == EVENT_OK)
        take(s, &ev);
    else
        s->bad++;
}

static void each_shape(struct span line, struct sums *s)
{
    static struct event ev;
    unsigned column;

    if (event_read(native, line, &ev, &column) == EVENT_OK)
        take(s, &ev);
    else
        s->bad++;
}

static void each_peek(struct span line, struct sums *s)
{
    struct event_peek peek;

    if (event_peek(line, &peek)) {
        s->lines++;
        s->symbols += peek.type.len;
    } else {
        s->bad++;
    }
}

static void each_binance(struct span line, struct sums *s)
{
    static const int64_t now_ns = INT64_C(1705575045123000000);
    static struct event ev;
    enum event_fault fault;
    unsigned column;

    if (feed_read(binance, line, now_ns, &ev, &fault, &column) == FEED_EVENT)
        take(s, &ev);
    else
        s->bad++;
}

/* Inlined into one loop per mode: an indirect call a line is not ours. */
static inline __attribute__((always_inline)) void
each_line(struct line_reader *r, void (*each)(struct span line, struct sums *s),
          struct sums *s)
{
    struct span line;

    while (line_next(r, &line) == LINE_OK)
        each(line, s);
}

static bool run(const char *mode, struct line_reader *r, struct sums *s)
{
    if (strcmp(mode, "strict") == 0)
        each_line(r, each_strict, s);
    else if (strcmp(mode, "shape") == 0)
        each_line(r, each_shape, s);
    else if (strcmp(mode, "peek") == 0)
        each_line(r, each_peek, s);
    else if (strcmp(mode, "binance") == 0)
        each_line(r, each_binance, s);
    else
        return false;
    return true;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void read_whole(const char *path, struct line_reader *r)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    size_t room;
    ssize_t n;

    if (fd < 0 || fstat(fd, &st) != 0) {
        perror(path);
        exit(1);
    }
    line_init(r, (size_t)st.st_size, LINE_MAX_BYTES);
    do {
        char *to = line_space(r, &room);

        n = read(fd, to, room);
        if (n < 0) {
            perror(path);
            exit(1);
        }
        line_filled(r, (size_t)n);
    } while (n > 0);
    close(fd);
}

int main(int argc, char **argv)
{
    int repeats = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 5;
    double rate[REPEATS_MAX];
    char bid[DECIMAL_SUM_TEXT_MAX], ask[DECIMAL_SUM_TEXT_MAX];
    struct line_reader reader;
    struct sums s;

    if (argc < 3 || repeats < 1 || repeats > REPEATS_MAX) {
        fprintf(stderr,
                "usage: scan_bench strict|shape|peek|binance FILE [1..64]\n");
        return 64;
    }
    native = event_reader_new();
    binance = feed_reader_new("binance", NULL);
    read_whole(argv[2], &reader);
    for (int i = 0; i < repeats; i++) {
        double from = cpu_seconds();

        s = (struct sums){0};
        reader.start = 0; /* the same lines again */
        if (!run(argv[1], &reader, &s)) {
            fprintf(stderr, "scan_bench: '%s' is not a mode\n", argv[1]);
            return 64;
        }
        rate[i] = (double)(s.lines + s.bad) / (cpu_seconds() - from) / 1e6;
    }
    qsort(rate, (size_t)repeats, sizeof *rate, by_value);
    printf("%-12s n=%llu bad=%llu Mlines/CPU-s min %.3f med %.3f max %.3f  "
           "sum %llu %s %s %016llx\n",
           argv[1], (unsigned long long)s.lines, (unsigned long long)s.bad,
           rate[0], rate[repeats / 2], rate[repeats - 1],
           (unsigned long long)s.times, text_of(s.bid, bid),
           text_of(s.ask, ask), (unsigned long long)s.symbols);
    line_close(&reader);
    return 0;
}

#include "common/app/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"

static void gauge(struct bytes *out, const char *name, const char *kind,
                  const char *help, double value)
{
    bytes_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %.15g\n", name, help,
                 name, kind, name, value);
}

static size_t read_file(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return 0;
    n = read(fd, text, size - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

static void memory(struct bytes *out)
{
    double page = (double)sysconf(_SC_PAGESIZE);
    unsigned long long total, resident;
    char text[128];

    if (read_file("/proc/self/statm", text, sizeof text) == 0 ||
        sscanf(text, "%20llu %20llu", &total, &resident) != 2)
        return;
    gauge(out, "process_virtual_memory_bytes", "gauge",
          "Virtual memory size in bytes.", (double)total * page);
    gauge(out, "process_resident_memory_bytes", "gauge",
          "Resident memory size in bytes.", (double)resident * page);
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void cpu(struct bytes *out)
{
    struct rusage used;

    if (getrusage(RUSAGE_SELF, &used) == 0)
        gauge(out, "process_cpu_seconds_total", "counter",
              "Total user and system CPU time spent in seconds.",
              seconds(used.ru_utime) + seconds(used.ru_stime));
}

static int list_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int count = -3; /* ".", ".." and the directory itself */

    if (!dir)
        return -1;
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

/* proc(5): since Linux 6.2 the size of the directory is their number.  Before,
 * they have to be listed, a third of a microsecond each: once a second at
 * most. */
static int count_descriptors(void)
{
    static uint64_t listed_ms;
    static int listed = -1;
    struct stat st;
    uint64_t now_ms = clock_mono_ms();

    if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0)
        return (int)st.st_size;
    if (listed < 0 || now_ms - listed_ms >= 1000) {
        listed = list_descriptors();
        listed_ms = now_ms;
    }
    return listed;
}

static void descriptors(struct bytes *out)
{
    struct rlimit limit;
    int count = count_descriptors();

    if (count >= 0)
        gauge(out, "process_open_fds", "gauge",
              "Number of open file descriptors.", count);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        gauge(out, "process_max_fds", "gauge",
              "Maximum number of open file descriptors.",
              (double)limit.rlim_cur);
}

/* Field 22 of /proc/self/stat is in clock ticks since boot; the name in field 2
 * may hold anything, so counting begins after its last parenthesis.  0: it
 * cannot be read. */
static double read_start_time(void)
{
    char text[1024], *at;
    unsigned long long ticks = 0;
    struct timespec now, up;

    if (read_file("/proc/self/stat", text, sizeof text) == 0)
        return 0;
    at = strrchr(text, ')');
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    if (!at || sscanf(at, " %20llu", &ticks) != 1)
        return 0;
    clock_gettime(CLOCK_REALTIME, &now);
    clock_gettime(CLOCK_BOOTTIME, &up);
    return (double)(now.tv_sec - up.tv_sec) +
           (double)(now.tv_nsec - up.tv_nsec) / 1e9 +
           (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static void start_time(struct bytes *out)
{
    static double time_s;

    if (time_s == 0)
        time_s = read_start_time();
    if (time_s != 0)
        gauge(out, "process_start_time_seconds", "gauge",
              "Start time of the process since unix epoch in seconds.", time_s);
}

void process_metrics(const char *tool, const char *instance, struct bytes *out)
{
    cpu(out);
    memory(out);
    descriptors(out);
    start_time(out);
    bytes_printf(out,
                 "# HELP tickwire_build_info What runs here.\n"
                 "# TYPE tickwire_build_info gauge\n"
                 "tickwire_build_info{tool=\"%s\",version=\"%s\","
                 "instance=\"%s\"} 1\n",
                 tool, TW_VERSION, instance);
}

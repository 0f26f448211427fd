#include "common/redis/redis_metrics.h"

#define COUNTER(NAME, LABELS, HELP)                                            \
    {                                                                          \
        METRIC(COUNTER, "tickwire_redis_" NAME, LABELS, HELP)                  \
    }
#define ERROR_CLASS(ROLE, CLASS)                                               \
    COUNTER("errors_total", "role=\"" ROLE "\",class=\"" CLASS "\"",           \
            "Error replies by what is done about them")
#define METRICS(ROLE)                                                          \
    {                                                                          \
        .connects = COUNTER("connects_total", "role=\"" ROLE "\"",             \
                            "Connections that became ready"),                  \
        .attempts_failed =                                                     \
            COUNTER("attempts_failed_total", "role=\"" ROLE "\"",              \
                    "Attempts that did not become ready"),                     \
        .drops = COUNTER("drops_total", "role=\"" ROLE "\"",                   \
                         "Connections lost after they were ready"),            \
        .pings = COUNTER("pings_total", "role=\"" ROLE "\"",                   \
                         "PINGs sent because nothing came for a while"),       \
        .bytes_in = COUNTER("in_bytes_total", "role=\"" ROLE "\"",             \
                            "Bytes read from Redis"),                          \
        .bytes_out = COUNTER("out_bytes_total", "role=\"" ROLE "\"",           \
                             "Bytes given to the kernel for Redis"),           \
        .commands =                                                            \
            COUNTER("commands_total", "role=\"" ROLE "\"", "Commands queued"), \
        .messages = COUNTER("messages_total", "role=\"" ROLE "\"",             \
                            "Pub/Sub messages received"),                      \
        .in_flight = {.name = "tickwire_redis_in_flight",                      \
                      .labels = "role=\"" ROLE "\"",                           \
                      .help = "Commands whose reply is awaited",               \
                      .kind = METRIC_GAUGE},                                   \
        .errors = {                                                            \
            [REDIS_ERR_OTHER] = ERROR_CLASS(ROLE, "other"),                    \
            [REDIS_ERR_RETRY] = ERROR_CLASS(ROLE, "retry"),                    \
            [REDIS_ERR_RESOLVE] = ERROR_CLASS(ROLE, "resolve"),                \
            [REDIS_ERR_NOSCRIPT] = ERROR_CLASS(ROLE, "noscript"),              \
            [REDIS_ERR_REPORT] = ERROR_CLASS(ROLE, "report"),                  \
            [REDIS_ERR_REFUSED] = ERROR_CLASS(ROLE, "refused"),                \
            [REDIS_ERR_CLUSTER] = ERROR_CLASS(ROLE, "cluster"),                \
        },                                                                     \
    }

static struct {
    const char *role;
    struct redis_metrics metrics;
} roles[] = {
    {"cmd", METRICS("cmd")},
    {"sub", METRICS("sub")},
    {"read", METRICS("read")},
};

static void add(struct redis_metrics *m)
{
    struct metric *all[] = {&m->connects, &m->attempts_failed, &m->drops,
                            &m->pings,    &m->bytes_in,        &m->bytes_out,
                            &m->commands, &m->messages,        &m->in_flight};

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        metrics_add(all[i]);
    metrics_add_all(m->errors, REDIS_ERROR_CLASSES);
}

struct redis_metrics *redis_metrics_of(const char *role)
{
    size_t at = 0;

    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
        if (strcmp(roles[i].role, role) == 0)
            at = i;
    add(&roles[at].metrics);
    return &roles[at].metrics;
}

#include "wsgate/channels/upstream_outcome.h"

#include "common/base/metrics.h"

static uint64_t read_count(void *arg)
{
    return *(const uint64_t *)arg;
}

#define OUTCOME(outcome, text)                                                 \
    [outcome] = {METRIC(COUNTER, "tickwire_wsgate_messages_total",             \
                        "source=\"redis\",outcome=\"" text "\"",               \
                        "messages received"),                                  \
                 .read = read_count}

static struct metric table[OUTCOMES] = {
    OUTCOME(OUTCOME_DELIVERED, "delivered"),
    OUTCOME(OUTCOME_COPY, "copy"),
    OUTCOME(OUTCOME_DUPLICATE, "duplicate"),
    OUTCOME(OUTCOME_OUTDATED, "outdated"),
    OUTCOME(OUTCOME_INVALID, "invalid"),
    OUTCOME(OUTCOME_TOO_BIG, "too_big"),
    OUTCOME(OUTCOME_UNWANTED, "unwanted"),
    OUTCOME(OUTCOME_PRIVATE, "private"),
    OUTCOME(OUTCOME_INTERNAL, "internal"),
    OUTCOME(OUTCOME_INVALID_NAME, "invalid_name"),
    OUTCOME(OUTCOME_CHANNELS_FULL, "channels_full"),
};

uint64_t upstream_outcome_received(const uint64_t counts[OUTCOMES])
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < OUTCOMES; i++)
        sum += i == OUTCOME_COPY ? 0 : counts[i];
    return sum;
}

void upstream_outcome_export(uint64_t counts[OUTCOMES])
{
    for (unsigned i = 0; i < OUTCOMES; i++)
        table[i].arg = &counts[i];
    metrics_add_all(table, OUTCOMES);
}

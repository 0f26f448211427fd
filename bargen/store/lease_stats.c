#include "bargen/store/lease_stats.h"

#include "common/base/metrics.h"

static struct metric shown[] = {
    {METRIC(GAUGE, "tickwire_bargen_members", NULL,
            "Instances that share the shards, this one included")},
    {METRIC(GAUGE, "tickwire_bargen_shards_held", NULL,
            "Shards that this instance makes the bars of")},
    {METRIC(COUNTER, "tickwire_bargen_leases_taken_total", NULL,
            "Shards that were taken")},
    {METRIC(COUNTER, "tickwire_bargen_leases_lost_total", NULL,
            "Shards whose lease was lost to another instance")},
};
enum { MEMBERS, HELD, TAKEN, LOST };

void lease_stats_init(void)
{
    metrics_add_all(shown, sizeof shown / sizeof *shown);
}

void lease_stats_show(struct leases_status status)
{
    shown[MEMBERS].value = status.members;
    shown[HELD].value = status.held;
    shown[TAKEN].value = status.taken;
    shown[LOST].value = status.lost;
}

void lease_stats_write(const struct leases_status *s, struct json_writer *json)
{
    json_write_uint(json, "members", s->members);
    json_write_uint(json, "shards", s->held);
    json_write_uint(json, "fence", s->fence);
    json_write_uint(json, "leases_taken", s->taken);
    json_write_uint(json, "leases_lost", s->lost);
}

#include "bargen/store/lease.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/redis/redis_resp.h"

void lease_init(struct lease *lease, struct leases *leases, const char *base,
                unsigned shard)
{
    *lease = (struct lease){.leases = leases, .shard = shard};
    snprintf(lease->key, sizeof lease->key, "%slease:%u", base, shard);
}

void lease_ask(struct lease *lease, struct redis_cmd *cmd, const char *id,
               uint64_t fence, redis_reply_fn *fn)
{
    lease->fence = fence;
    snprintf(lease->value, sizeof lease->value, "%s:%" PRIu64, id, fence);
    redis_cmd_begin(cmd, 6, fn, lease);
    redis_cmd_str(cmd, "SET");
    redis_cmd_str(cmd, lease->key);
    redis_cmd_str(cmd, lease->value);
    redis_cmd_str(cmd, "NX");
    redis_cmd_str(cmd, "PX");
    redis_cmd_int(cmd, LEASE_TTL_MS);
}

void lease_renew(const struct lease *lease, struct bytes *out)
{
    resp_array(out, 5);
    resp_bulk_str(out, "SET");
    resp_bulk_str(out, lease->key);
    resp_bulk_str(out, lease->value);
    resp_bulk_str(out, "PX");
    resp_bulk_int(out, LEASE_TTL_MS);
}

void lease_give(const struct lease *lease, struct bytes *out)
{
    resp_array(out, 2);
    resp_bulk_str(out, "DEL");
    resp_bulk_str(out, lease->key);
}

#include "bargen/store/shard_ids.h"

#include "bargen/store/state.h"
#include "common/redis/redis_resp.h"

static void command(struct bytes *run, unsigned argc, const char *name,
                    const char *key)
{
    resp_array(run, argc);
    resp_bulk_str(run, name);
    resp_bulk_str(run, key);
}

static void field(struct bytes *run, const struct symbol *sym, uint64_t chunk)
{
    struct bytes name;

    bytes_init(&name);
    bytes_add_str(&name, "i:");
    bytes_add_span(&name, sym->name);
    bytes_add_str(&name, ":");
    bytes_add_uint(&name, chunk);
    resp_bulk(run, name.ptr, name.len);
    bytes_close(&name);
}

unsigned shard_ids_put(struct bytes *run, const char *key, struct symbol *sym)
{
    struct id_blocks *b = sym->ids.more ? &sym->ids.more->blocks : NULL;
    unsigned commands = 0;
    struct bytes text;

    if (!b)
        return 0;
    for (; b->stored < id_blocks_chunk_first(b); b->stored++, commands++) {
        command(run, 3, "HDEL", key);
        field(run, sym, b->stored);
    }
    bytes_init(&text);
    for (uint64_t i = b->stored; i < id_blocks_chunk_end(b); i++) {
        if (!id_blocks_take_changed(b, i))
            continue;
        bytes_clear(&text);
        state_encode_ids(sym, i, &text);
        command(run, 4, "HSET", key);
        field(run, sym, i);
        resp_bulk(run, text.ptr, text.len);
        commands++;
    }
    bytes_close(&text);
    return commands;
}

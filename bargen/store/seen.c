#include "bargen/store/seen.h"

static void put_ranges(struct bytes *out, const struct id_ranges *r)
{
    for (unsigned i = 0; i < id_ranges_count(r); i++) {
        const struct id_range *range = i < r->n ? &r->at[i] : &r->top;

        record_put(out, range->lo);
        record_put(out, range->hi - range->lo);
        record_put(out, range->lo_ns);
        record_put(out, range->hi_ns - range->lo_ns);
        record_put(out, range->out);
    }
    bytes_add(out, "\n", 1);
}

void seen_put_chunk(const struct id_blocks *blocks, uint64_t chunk,
                    struct bytes *out)
{
    uint64_t number = chunk * ID_BLOCKS_CHUNK;
    uint64_t end = number + ID_BLOCKS_CHUNK;

    bytes_add(out, "k", 1);
    number = number < blocks->first ? blocks->first : number;
    record_put(out, (int64_t)number);
    for (; number < end; number++) {
        const struct id_block *block = id_blocks_at(blocks, number);

        if (!block)
            break;
        record_put(out, (int64_t)block->key);
        record_put(out, (int64_t)block->bits);
        record_put(out, block->stamp_ns);
    }
    bytes_add(out, "\n", 1);
}

static void put_blocks(struct bytes *out, const struct id_blocks *blocks,
                       bool chunks)
{
    if (blocks->cap == 0)
        return;
    bytes_add(out, "m", 1);
    record_put(out, (int64_t)blocks->first);
    record_put(out, blocks->n);
    record_put(out, blocks->now_ns);
    bytes_add(out, "\n", 1);
    for (uint64_t i = id_blocks_chunk_first(blocks);
         chunks && i < id_blocks_chunk_end(blocks); i++)
        seen_put_chunk(blocks, i, out);
}

static void put_more(struct bytes *out, const struct trade_ids_more *more,
                     bool chunks)
{
    if (more->before.any) {
        bytes_add(out, "o", 1);
        record_put(out, more->before_ns);
        put_ranges(out, &more->before);
    }
    if (more->n_anew > 0) {
        bytes_add(out, "n", 1);
        for (unsigned i = 0; i < more->n_anew; i++) {
            record_put(out, more->anew[i].id);
            record_put(out, more->anew[i].time_ns);
        }
        bytes_add(out, "\n", 1);
    }
    put_blocks(out, &more->blocks, chunks);
}

static void put_ids(struct bytes *out, const struct trade_ids *ids, bool chunks)
{
    if (ids->run.any) {
        bytes_add(out, "r", 1);
        record_put(out, ids->newest_ns);
        record_put(out, ids->kind);
        record_put(out, (int64_t)ids->steps.n);
        record_put(out, ids->steps.jumps);
        record_put(out, ids->steps.longs);
        record_put(out, ids->steps.contiguous);
        put_ranges(out, &ids->run);
    }
    if (ids->more)
        put_more(out, ids->more, chunks);
}

static void put_lost(struct bytes *out, const struct symbol *sym)
{
    if (sym->lost_until_ns == 0 && !sym->losing)
        return;
    bytes_add(out, "l", 1);
    record_put(out, sym->lost_from_ns);
    record_put(out, sym->lost_until_ns);
    record_put(out, sym->losing);
    bytes_add(out, "\n", 1);
}

static void put_missed(struct bytes *out, const struct missed *m)
{
    if (m->n == 0)
        return;
    bytes_add(out, "f", 1);
    for (unsigned i = 0; i < m->n; i++) {
        record_put(out, m->at[i].from_ns);
        record_put(out, m->at[i].to_ns);
    }
    bytes_add(out, "\n", 1);
}

static void put_range(struct bytes *out, const struct seq_range *r)
{
    record_put(out, (int64_t)r->lo);
    record_put(out, (int64_t)r->hi);
    record_put(out, r->lo_ns);
    record_put(out, r->hi_ns);
}

static void put_publisher(struct bytes *out, const struct publisher *pub)
{
    bytes_add(out, "q", 1);
    record_put(out, (int64_t)pub->src);
    for (unsigned i = 0; i < pub->n_older; i++)
        put_range(out, &pub->older[i]);
    put_range(out, &pub->newest);
    bytes_add(out, "\n", 1);
}

static void put_publishers(struct bytes *out, const struct publishers *s)
{
    if (s->last.src != 0)
        put_publisher(out, &s->last);
    for (unsigned i = 0; i < s->n_others; i++)
        put_publisher(out, &s->others[i]);
    if (s->lost_to_ns == 0)
        return;
    bytes_add(out, "j", 1);
    record_put(out, s->lost_from_ns);
    record_put(out, s->lost_to_ns);
    bytes_add(out, "\n", 1);
}

void seen_put(const struct symbol *sym, bool chunks, struct bytes *out)
{
    put_ids(out, &sym->ids, chunks);
    put_publishers(out, &sym->publishers);
    put_lost(out, sym);
    put_missed(out, &sym->missed);
}

/* A time that sums and differences cannot overflow with. */
static int64_t get_time(struct record_reader *r)
{
    return record_get_within(r, -RECORD_TIME_MAX_NS, RECORD_TIME_MAX_NS);
}

static void get_range(struct record_reader *r, struct id_ranges *ranges)
{
    struct id_range range;

    range.lo = record_get(r);
    range.hi = record_get_within(r, 0, INT64_MAX);
    range.lo_ns = get_time(r);
    range.hi_ns = record_get(r);
    range.out = record_get(r);
    if (__builtin_add_overflow(range.lo, range.hi, &range.hi) ||
        __builtin_add_overflow(range.lo_ns, range.hi_ns, &range.hi_ns) ||
        range.hi_ns < -RECORD_TIME_MAX_NS || range.hi_ns > RECORD_TIME_MAX_NS ||
        r->bad || !trade_ids_restore(ranges, &range))
        r->bad = true;
}

static void get_ids(struct record_reader *r, struct trade_ids *ids)
{
    ids->newest_ns = get_time(r);
    ids->kind = (uint8_t)record_get_within(r, ID_EVEN, ID_ODD);
    ids->steps.n = (uint64_t)record_get_within(r, 0, INT64_MAX);
    ids->steps.jumps = (uint32_t)record_get_within(r, 0, UINT32_MAX);
    ids->steps.longs = (uint32_t)record_get_within(r, 0, UINT32_MAX);
    ids->steps.contiguous = record_get_within(r, 0, 1) != 0;
    while (!r->bad && !record_at_end(r))
        get_range(r, &ids->run);
    r->bad |= !ids->run.any;
}

static void get_before(struct record_reader *r, struct trade_ids_more *more)
{
    more->before_ns = get_time(r);
    while (!r->bad && !record_at_end(r))
        get_range(r, &more->before);
    r->bad |= !more->before.any;
}

static void get_anew(struct record_reader *r, struct trade_ids_more *more)
{
    while (!r->bad && !record_at_end(r)) {
        struct trade_ids_anew a;

        a.id = record_get_within(r, 0, INT64_MAX);
        a.time_ns = get_time(r);
        if (more->n_anew + 1 == TRADE_IDS_ANEW_MAX)
            r->bad = true;
        else
            more->anew[more->n_anew++] = a;
    }
}

static void get_blocks(struct record_reader *r, struct id_blocks *blocks)
{
    uint64_t first = (uint64_t)record_get_within(r, 0, INT64_MAX);
    uint64_t n = (uint64_t)record_get_within(r, 0, INT64_MAX);
    int64_t now_ns = record_get_time(r);

    if (r->bad || !id_blocks_restore(blocks, first, n))
        r->bad = true;
    else
        blocks->now_ns = now_ns;
}

void seen_get_chunk(struct record_reader *r, struct id_blocks *blocks)
{
    uint64_t number = (uint64_t)record_get_within(r, 0, INT64_MAX / 2);

    for (; !r->bad && !record_at_end(r); number++) {
        struct id_block block;

        block.key = (uint64_t)record_get(r);
        block.bits = (uint64_t)record_get(r);
        block.stamp_ns = record_get_time(r);
        if (!r->bad && id_blocks_at(blocks, number) &&
            !id_blocks_restore_block(blocks, number, &block))
            r->bad = true;
    }
}

static void get_publisher(struct record_reader *r, struct publishers *s)
{
    struct publisher *pub = publishers_restore(s, (uint64_t)record_get(r));

    if (!pub || record_at_end(r))
        r->bad = true;
    while (!r->bad && !record_at_end(r)) {
        struct seq_range range;

        range.lo = (uint64_t)record_get(r);
        range.hi = (uint64_t)record_get(r);
        range.lo_ns = record_get_time(r);
        range.hi_ns = record_get_time(r);
        if (!r->bad && !publisher_restore_range(pub, &range))
            r->bad = true;
    }
}

static void get_missed(struct record_reader *r, struct missed *m)
{
    while (!r->bad && !record_at_end(r)) {
        struct missed_stretch s;

        s.from_ns = get_time(r);
        s.to_ns = get_time(r);
        if (r->bad || !missed_restore(m, &s))
            r->bad = true;
    }
}

bool seen_get(char letter, struct record_reader *r, struct symbol *sym)
{
    switch (letter) {
    case 'r':
        get_ids(r, &sym->ids);
        return true;
    case 'o':
        get_before(r, trade_ids_more(&sym->ids));
        return true;
    case 'n':
        get_anew(r, trade_ids_more(&sym->ids));
        return true;
    case 'm':
        get_blocks(r, &trade_ids_more(&sym->ids)->blocks);
        return true;
    case 'k':
        seen_get_chunk(r, &trade_ids_more(&sym->ids)->blocks);
        return true;
    case 'q':
        get_publisher(r, &sym->publishers);
        return true;
    case 'l':
        sym->lost_from_ns = record_get_time(r);
        sym->lost_until_ns = record_get_time(r);
        sym->losing = record_get_within(r, 0, 1) != 0;
        return true;
    case 'f':
        get_missed(r, &sym->missed);
        return true;
    case 'j':
        sym->publishers.lost_from_ns = record_get_time(r);
        sym->publishers.lost_to_ns = record_get_time(r);
        return true;
    default:
        return false;
    }
}

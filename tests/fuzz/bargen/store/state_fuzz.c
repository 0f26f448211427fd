/*
 * The stored state of a symbol: whatever stands there, it is refused or gives a
 * symbol that goes on working, and what was read is written the same.
 */
#include <assert.h>
#include <string.h>

#include "bargen/core/engine.h"
#include "bargen/core/message.h"
#include "bargen/store/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct bytes text;

static void on_bar(void *arg, struct symbol *sym, const struct resolution *r,
                   const struct bar *bar, enum bar_issue how)
{
    (void)arg;
    bytes_clear(&text);
    message_bar(&text, sym->name, r, bar, how, NULL);
}

static void open_engine(struct engine *e)
{
    struct resolution widths[2];
    struct engine_config config = {.resolutions = widths,
                                   .n_resolutions = 2,
                                   .grace_ns = 250 * NS_PER_MS,
                                   .correction_ns = 60 * NS_PER_SECOND,
                                   .fill = true,
                                   .shards = 1,
                                   .sink = {on_bar, NULL}};

    resolution_parse(span_str("1"), &widths[0]);
    resolution_parse(span_str("D"), &widths[1]);
    engine_init(e, &config);
}

/* Trades around the times that the state knows of. */
static void go_on(struct engine *e, struct symbol *sym)
{
    int64_t at_ns = sym->newest_ns > 0 ? sym->newest_ns : NS_PER_DAY;
    struct event ev = {.type = EVENT_TRADE,
                       .symbol = sym->name,
                       .have = EVENT_HAS_PRICE | EVENT_HAS_SIZE | EVENT_HAS_ID,
                       .price = {105, 1},
                       .size = {25, 2}};
    static const int64_t steps_ns[] = {0, -NS_PER_MINUTE, NS_PER_SECOND,
                                       2 * NS_PER_MINUTE, NS_PER_DAY};

    for (unsigned i = 0; i < sizeof steps_ns / sizeof *steps_ns; i++) {
        ev.time_ns = at_ns + steps_ns[i];
        if (ev.time_ns < 0)
            continue;
        ev.id = i % 2 ? span_str("71") : span_str("t-1");
        engine_event(e, &ev, ev.time_ns);
    }
    engine_finish(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct engine e;
    struct symbol *sym;
    struct bytes once, twice;

    open_engine(&e);
    bytes_init(&once);
    bytes_init(&twice);
    sym = engine_symbol(&e, span_str("X"));
    if (state_decode(sym, &e.rules, span_make((const char *)data, size),
                     NULL)) {
        engine_restored(&e, sym);
        state_encode(sym, &e.rules, STATE_ALL_BARS, &once);
        assert(state_decode(sym, &e.rules, bytes_span(&once), NULL));
        state_encode(sym, &e.rules, STATE_ALL_BARS, &twice);
        assert(once.len == twice.len &&
               memcmp(once.ptr, twice.ptr, once.len) == 0);
        go_on(&e, sym);
    }
    bytes_close(&once);
    bytes_close(&twice);
    bytes_close(&text);
    bytes_init(&text);
    engine_close(&e);
    return 0;
}

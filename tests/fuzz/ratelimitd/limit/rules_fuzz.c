/*
 * Rules files: nothing crashes, and what is read can be said and found again.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ratelimitd/limit/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rules rules;
    struct err err = {0};
    struct bytes text;
    bool known;

    if (!rules_read(&rules, span_make((const char *)data, size), "f", &err)) {
        assert(err.code == ERR_CONFIG && err.text[0] != '\0');
        return 0;
    }
    bytes_init(&text);
    rules_print(&rules, &text);
    for (unsigned g = 0; g < rules.groups; g++)
        rules_text(&rules, g, &text);
    for (unsigned i = 0; i < rules.count; i++) {
        assert(rules.at[i].limit.window_us > 0);
        (void)rules_find(&rules, span_str(rules.at[i].name), span_str("key"),
                         &known);
        assert(known);
    }
    bytes_close(&text);
    rules_close(&rules);
    return 0;
}

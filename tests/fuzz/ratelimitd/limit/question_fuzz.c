/*
 * Whatever the scanner of questions takes, jansson takes with the same meaning;
 * and no line makes either read outside of it.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/line.h"
#include "ratelimitd/limit/question.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct question scanned, slow;

static void compare(struct span line)
{
    static const char *const none[] = {NULL};
    struct err err = {0};
    json_value *root = json_read(line, &err);

    assert(root);
    assert(question_from(&slow, root, none, &err));
    json_free(root);
    assert(span_eq(scanned.id, slow.id));
    assert(span_eq(scanned.key, slow.key));
    assert(scanned.n_rules == 1 && slow.n_rules == 1);
    assert(span_eq(scanned.rules[0], slow.rules[0]));
    assert(scanned.cost == slow.cost && scanned.mode == slow.mode);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    char *copy = malloc(size + 1); /* of that size, for the sanitizer */

    memcpy(copy, data, size);
    if (question_scan(&scanned, span_make(copy, size)))
        compare(span_make(copy, size));
    (void)question_read(&slow, span_make(copy, size), &err);
    assert(slow.id.len <= QUESTION_ID_MAX); /* as much as is kept of it */
    free(copy);
    return 0;
}

#include "common/limit/breaker.h"

bool breaker_allows(struct breaker *b, int64_t now_ms)
{
    if (!b->open)
        return true;
    if (b->probing || now_ms < b->retry_at_ms)
        return false;
    b->probing = true;
    return true;
}

void breaker_answered(struct breaker *b)
{
    b->failures = 0;
    b->open = b->probing = false;
    b->wait_ms = 0;
}

void breaker_failed(struct breaker *b, int64_t now_ms)
{
    b->failures++;
    if (b->open ? !b->probing : b->failures < BREAKER_FAILURES)
        return;
    b->opened += !b->open;
    b->open = true;
    b->probing = false;
    b->wait_ms = b->wait_ms == 0 ? BREAKER_FIRST_MS : b->wait_ms * 2;
    if (b->wait_ms > BREAKER_LONGEST_MS)
        b->wait_ms = BREAKER_LONGEST_MS;
    b->retry_at_ms = now_ms + b->wait_ms;
}

void breaker_reset(struct breaker *b)
{
    uint64_t opened = b->opened;

    *b = (struct breaker){.opened = opened};
}

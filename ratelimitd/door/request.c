#include "ratelimitd/door/request.h"

#include "common/json/json.h"

static bool read_reply(struct request *r, const json_value *v, struct err *err)
{
    struct span s;

    if (!json_text(v, &s) || s.len == 0 || s.len > REQUEST_REPLY_MAX)
        return err_set(err, ERR_INPUT, "reply is not a key of 1 to %d bytes",
                       REQUEST_REPLY_MAX);
    memcpy(r->reply, s.ptr, s.len);
    r->reply_len = s.len;
    return true;
}

bool request_read(struct request *r, struct span text, struct err *err)
{
    static const char *const own[] = {"reply", "expires_ms", NULL};
    json_value *root = json_read(text, err);
    bool ok;

    r->reply_len = 0;
    r->question.id = span_make(NULL, 0);
    if (!root)
        return false;
    if (!json_is_object(root))
        ok = err_set(err, ERR_INPUT, "a request is not a JSON object");
    else if (!read_reply(r, json_member(root, "reply"), err))
        ok = false;
    else if (!json_int(json_member(root, "expires_ms"), &r->expires_ms))
        ok = err_set(err, ERR_INPUT,
                     "expires_ms is not a time in Unix "
                     "milliseconds");
    else
        ok = question_from(&r->question, root, own, err);
    json_free(root);
    return ok;
}

/*
 * The framing of a request, byte by byte, before http-parser sees it.
 *
 * http-parser takes much that RFC 9112 forbids: lines that end in LF alone, a
 * space before a colon, any two bytes where CRLF has to end a chunk.  Where a
 * proxy in front of us reads such bytes in another way than we do, a request
 * can be hidden in another.  So what is not exactly as in the grammar ends the
 * connection:
 *
 *   request line  token SP target SP HTTP/d.d CRLF          RFC 9112 3
 *   field line    token ":" text CRLF, never folded         RFC 9112 5
 *   chunk         hex [*ws ";" text] CRLF data CRLF         RFC 9112 7.1
 *
 * One thing is lenient, as RFC 9112 2.2 asks: empty lines before a request.
 */
#include "common/http/http_internal.h"

enum { SIZE_DIGITS = 16 };

enum state {
    START,
    START_LF,
    METHOD,
    TARGET,
    VERSION,
    LINE_LF, /* ends a request or field line */
    LINE,    /* begins a field line, or is the empty one */
    NAME,
    VALUE,
    END_LF,
    SIZE,
    EXT_SPACE,
    EXT,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    DONE,
    BAD,
    TOO_LARGE,
};

/* RFC 9110 5.6.2, a bit for each of 128 characters: digits, letters and
 * !#$%&'*+-.^_`|~ */
static bool is_token(unsigned char c)
{
    static const uint64_t bits[2] = {0x03ff6cfa00000000, 0x57ffffffc7fffffe};

    return c < 128 && (bits[c >> 6] >> (c & 63) & 1) != 0;
}

/* A byte of a value: no control character but the tab. */
static bool is_text(unsigned char c)
{
    return (c >= 0x20 && c != 0x7f) || c == '\t';
}

/* How many bytes at the front change nothing: most of them, and a step for each
 * would take longer than all the rest of a handshake's parsing. */
static size_t skip(const struct http_strict *s, struct span text)
{
    const unsigned char *c = (const unsigned char *)text.ptr;
    size_t i = 0;

    if (s->state == VALUE || s->state == EXT)
        while (i < text.len && is_text(c[i]))
            i++;
    else if (s->state == NAME || s->state == METHOD)
        while (i < text.len && is_token(c[i]))
            i++;
    else if (s->state == TARGET)
        while (i < text.len && is_text(c[i]) && c[i] != ' ' && c[i] != '\t')
            i++;
    else if (s->state == DATA)
        i = text.len < s->left ? text.len : s->left;
    return i;
}

static enum state when(bool ok, enum state next)
{
    return ok ? next : BAD;
}

static enum state version(struct http_strict *s, unsigned char c)
{
    static const char form[] = "HTTP/d.d\r";
    unsigned char want = (unsigned char)form[s->count++];

    if (want == '\r')
        return when(c == '\r', LINE_LF);
    return when(want == 'd' ? c >= '0' && c <= '9' : c == want, VERSION);
}

static enum state in_head(struct http_strict *s, unsigned char c)
{
    switch (s->state) {
    case START:
        s->count = 0; /* of the bytes of the version */
        return c == '\r' ? START_LF : when(is_token(c), METHOD);
    case START_LF:
        return when(c == '\n', START);
    case METHOD:
        return c == ' ' ? TARGET : when(is_token(c), METHOD);
    case TARGET:
        return c == ' ' ? VERSION : when(is_text(c) && c != '\t', TARGET);
    case VERSION:
        return version(s, c);
    case LINE_LF:
        return when(c == '\n', LINE);
    case LINE:
        return c == '\r' ? END_LF : when(is_token(c), NAME);
    case NAME:
        return c == ':' ? VALUE : when(is_token(c), NAME);
    case VALUE:
        return c == '\r' ? LINE_LF : when(is_text(c), VALUE);
    default: /* END_LF */
        return when(c == '\n', DONE);
    }
}

static enum state in_size(struct http_strict *s, unsigned char c)
{
    int digit = span_hex_digit((char)c);

    if (digit >= 0) {
        s->left = s->left * 16 + (unsigned)digit;
        if (s->left > HTTP_BODY_MAX)
            return TOO_LARGE;
        return when(++s->count <= SIZE_DIGITS, SIZE);
    }
    if (s->count == 0)
        return BAD;
    return c == '\r'               ? SIZE_LF
           : c == ';'              ? EXT
           : c == ' ' || c == '\t' ? EXT_SPACE
                                   : BAD;
}

static enum state in_chunk(struct http_strict *s, unsigned char c)
{
    switch (s->state) {
    case SIZE:
        return in_size(s, c);
    case EXT_SPACE:
        return c == ';' ? EXT : when(c == ' ' || c == '\t', EXT_SPACE);
    case EXT:
        return c == '\r' ? SIZE_LF : when(is_text(c), EXT);
    case SIZE_LF:
        return when(c == '\n', s->left > 0 ? DATA : LINE);
    case DATA_CR:
        return when(c == '\r', DATA_LF);
    case DATA_LF:
        s->count = 0;
        return when(c == '\n', SIZE);
    default:
        return in_head(s, c); /* trailers */
    }
}

static enum state step(struct http_strict *s, unsigned char c)
{
    return s->chunks ? in_chunk(s, c) : in_head(s, c);
}

void http_strict_head(struct http_strict *s)
{
    *s = (struct http_strict){.state = START};
}

void http_strict_chunks(struct http_strict *s)
{
    *s = (struct http_strict){.state = SIZE, .chunks = true};
}

bool http_strict_in_line(const struct http_strict *s)
{
    return s->state <= VERSION;
}

size_t http_strict_look(struct http_strict *s, struct span text, int *refuse)
{
    size_t i = 0;

    while (s->state < DONE) {
        size_t n = skip(s, span_make(text.ptr + i, text.len - i));

        i += n;
        if (s->state == DATA && (s->left -= n) == 0)
            s->state = DATA_CR;
        if (i == text.len)
            break;
        s->state = step(s, (unsigned char)text.ptr[i]);
        i += s->state != BAD && s->state != TOO_LARGE;
    }
    /* Only when the parser has seen all before it: in pieces of any size the
     * same thing is the first that is wrong. */
    *refuse = i > 0                   ? 0
              : s->state == BAD       ? 400
              : s->state == TOO_LARGE ? 413
                                      : 0;
    return i;
}

/* SPDX-License-Identifier: MIT */
#include "octets_head.h"

#include <assert.h>
#include <string.h>

static const char mark[] = "HTTP/";

static char to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool octets_fits_start(char octet, size_t i)
{
    assert(i < OCTETS_START_LEN);
    if (i < OCTETS_MARK_LEN)
        return octet == mark[i];
    return i == 6 ? octet == '.' : i == 8 ? octet == ' ' : is_digit(octet);
}

int octets_status(const char *line, size_t len)
{
    enum { STATUS_AT = 9, STATUS_END = 12 };
    if (len < STATUS_END || (len > STATUS_END && line[STATUS_END] != ' '))
        return 0;
    for (size_t i = 0; i < STATUS_AT; i++) {
        if (!octets_fits_start(line[i], i))
            return 0;
    }
    int status = 0;
    for (size_t i = STATUS_AT; i < STATUS_END; i++) {
        if (!is_digit(line[i]))
            return 0;
        status = 10 * status + (line[i] - '0');
    }
    return status >= 100 ? status : 0;
}

static bool token_is(const struct octets_head *head, const char *text)
{
    size_t len = strlen(text);
    return head->token_len == len && memcmp(head->token, text, len) == 0;
}

/* A token that is too long stays so: none we look for is as long as the room for it. */
static void add_to_token(struct octets_head *head, char c)
{
    if (head->token_len < sizeof head->token)
        head->token[head->token_len++] = c;
}

static void begin_number(struct octets_head *head)
{
    head->number = 0;
    head->has_digits = head->number_ended = head->bad_number = false;
}

static void end_coding(struct octets_head *head)
{
    if (head->token_len != 0) {
        head->has_coding = true;
        head->is_chunked = token_is(head, "chunked");
    }
    head->token_len = 0;
}

/* Several equal values count as one (RFC 9112 6.3, item 5). */
static void end_length(struct octets_head *head)
{
    if (!head->has_digits || head->bad_number || (head->has_length && head->number != head->length))
        head->bad_length = true;
    head->has_length = true;
    head->length = head->number;
    begin_number(head);
}

static void end_value(struct octets_head *head)
{
    if (head->part == OCTETS_PART_LENGTH)
        end_length(head);
    else if (head->part == OCTETS_PART_CODING)
        end_coding(head);
    head->part = OCTETS_PART_OTHER;
}

static void end_name(struct octets_head *head)
{
    while (head->token_len != 0 && head->token[head->token_len - 1] == ' ')
        head->token_len--;
    head->part = OCTETS_PART_OTHER;
    if (token_is(head, "content-length"))
        head->part = OCTETS_PART_LENGTH;
    else if (token_is(head, "transfer-encoding"))
        head->part = OCTETS_PART_CODING;
    head->token_len = 0;
    begin_number(head);
}

static void add_to_length(struct octets_head *head, char c)
{
    if (is_digit(c)) {
        uint64_t digit = (uint64_t)(c - '0');
        if (head->number_ended || head->number > (UINT64_MAX - digit) / 10)
            head->bad_number = true;
        else
            head->number = 10 * head->number + digit;
        head->has_digits = true;
    } else if (c == ',') {
        end_length(head);
    } else if (c == ' ' || c == '\t') {
        head->number_ended = head->has_digits;
    } else {
        head->bad_number = true;
    }
}

static void begin_line(struct octets_head *head, char first)
{
    head->line_has_octets = true;
    if (!head->has_status_line || first == ' ' || first == '\t')
        return;
    end_value(head);
    head->part = OCTETS_PART_NAME;
    head->token_len = 0;
}

static void add_to_line(struct octets_head *head, char c)
{
    if (!head->line_has_octets)
        begin_line(head, c);
    switch (head->part) {
    case OCTETS_PART_STATUS_LINE:
        add_to_token(head, c);
        break;
    case OCTETS_PART_NAME:
        if (c == ':')
            end_name(head);
        else
            add_to_token(head, to_lower(c));
        break;
    case OCTETS_PART_OTHER:
        break;
    case OCTETS_PART_LENGTH:
        add_to_length(head, c);
        break;
    case OCTETS_PART_CODING:
        if (c == ',')
            end_coding(head);
        else if (c != ' ' && c != '\t')
            add_to_token(head, to_lower(c));
        break;
    }
}

/* True when it was the empty line that ends the head; those before the status line do not. */
static bool end_line(struct octets_head *head)
{
    if (!head->line_has_octets)
        return head->has_status_line;
    head->line_has_octets = false;
    if (!head->has_status_line) {
        head->has_status_line = true;
        head->status = octets_status(head->token, head->token_len);
    }
    if (head->part == OCTETS_PART_STATUS_LINE || head->part == OCTETS_PART_NAME)
        head->part = OCTETS_PART_OTHER;
    return false;
}

/* Whether nothing before the end of the line matters any more. */
static bool skips_line(const struct octets_head *head)
{
    return head->line_has_octets &&
           (head->part == OCTETS_PART_OTHER ||
            (head->part == OCTETS_PART_STATUS_LINE && head->token_len == sizeof head->token));
}

void octets_head_begin(struct octets_head *head, const char *start, size_t len)
{
    assert(len <= OCTETS_START_LEN);
    *head = (struct octets_head){.line_has_octets = len != 0, .token_len = (unsigned char)len};
    if (len != 0)
        memcpy(head->token, start, len);
}

size_t octets_head_read(struct octets_head *head, const char *data, size_t len, bool *ended)
{
    *ended = false;
    size_t at = 0;
    while (at < len && !*ended) {
        if (skips_line(head)) {
            const char *lf = memchr(data + at, '\n', len - at);
            if (lf == NULL)
                return len;
            at = (size_t)(lf - data);
        }
        char c = data[at++];
        if (c == '\n')
            *ended = end_line(head);
        else if (c != '\r')
            add_to_line(head, c);
    }
    if (*ended)
        end_value(head);
    return at;
}

/* SPDX-License-Identifier: MIT */
#include "page.h"

#include <string.h>

#include "route.h"

static void append_escaped(struct buf *out, struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        switch (text.data[i]) {
        case '&':
            buf_append_str(out, "&amp;");
            break;
        case '<':
            buf_append_str(out, "&lt;");
            break;
        case '>':
            buf_append_str(out, "&gt;");
            break;
        case '"':
            buf_append_str(out, "&quot;");
            break;
        default:
            buf_append(out, text.data + i, 1);
        }
    }
}

static void append_top(struct buf *out, const char *title)
{
    buf_append_str(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                        "<meta name=\"viewport\" content=\"width=device-width\">\n<title>");
    append_escaped(out, bytes_of_str(title));
    buf_append_str(out, "</title>\n<style>body{font:16px/1.5 sans-serif;max-width:60em;"
                        "margin:2em auto;padding:0 1em}dt{margin-top:.6em}dd{margin-left:1.5em}"
                        "code{background:#8881;padding:.1em .3em}"
                        "@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}"
                        "a{color:#8bf}}</style>\n</head><body>\n");
}

void page_catalogue(const struct catalogue *catalogue, struct buf *out)
{
    append_top(out, "interimspec: scenarios");
    buf_printf(out,
               "<h1>interimspec</h1>\n<p>%zu scenarios: what does a client do when a server sends "
               "interim (1xx) responses? Ask for <code>/&lt;scenario&gt;/&lt;any name&gt;</code>; "
               "the name keeps your requests apart from those of others.</p>\n",
               catalogue->count);
    /* Sorted by id; a family's scenarios lie apart, so one pass for each family. */
    for (size_t i = 0; i < catalogue->count; i++) {
        const char *family = catalogue->scenarios[i]->family;
        size_t first = 0;
        while (strcmp(catalogue->scenarios[first]->family, family) != 0) {
            first++;
        }
        if (first != i) {
            continue;
        }
        buf_append_str(out, "<h2>");
        append_escaped(out, bytes_of_str(family));
        buf_append_str(out, "</h2>\n<dl>\n");
        for (size_t j = i; j < catalogue->count; j++) {
            const struct scenario *scenario = catalogue->scenarios[j];
            if (strcmp(scenario->family, family) == 0) {
                buf_printf(out, "<dt><a href=\"/%s/me\">%s</a></dt><dd>", scenario->id,
                           scenario->id);
                append_escaped(out, bytes_of_str(scenario->title));
                buf_append_str(out, "</dd>\n");
            }
        }
        buf_append_str(out, "</dl>\n");
    }
    buf_append_str(out, "</body></html>\n");
}

void page_scenario(const struct scenario *scenario, bool is_tls, struct bytes authority,
                   struct buf *out)
{
    append_top(out, scenario->id);
    buf_printf(out, "<h1>%s</h1>\n<p>", scenario->id);
    append_escaped(out, bytes_of_str(scenario->title));
    buf_printf(out, "</p>\n<p><code>curl -v %s://", is_tls ? "--cacert FILE https" : "http");
    append_escaped(out, authority);
    buf_printf(out, "/%s/me</code></p>\n", scenario->id);
    if (scenario->param_count > 0) {
        buf_append_str(out, "<p>Parameters:</p>\n<ul>\n");
        for (size_t i = 0; i < scenario->param_count; i++) {
            const struct param *param = &scenario->params[i];
            buf_printf(out, "<li><code>?%s=%lld</code>, from %lld to %lld</li>\n", param->name,
                       (long long)param->default_value, (long long)param->min,
                       (long long)param->max);
        }
        buf_append_str(out, "</ul>\n");
    }
    buf_append_str(out, "<p><a href=\"/\">All scenarios</a></p>\n</body></html>\n");
}

void page_not_found(const struct catalogue *catalogue, struct bytes wanted, struct buf *out)
{
    const struct scenario *nearest[5];
    size_t count = route_nearest(catalogue, wanted, nearest, 5);
    if (wanted.len > 64) {
        wanted.len = 64;
    }
    buf_append_str(out, "There is no scenario \"");
    for (size_t i = 0; i < wanted.len; i++) {
        char c = wanted.data[i];
        buf_append(out, c > ' ' && c < 0x7f ? &c : "?", 1);
    }
    buf_append_str(out, "\".\n");
    if (count > 0) {
        buf_append_str(out, "Nearest:\n");
    }
    for (size_t i = 0; i < count; i++) {
        buf_printf(out, "  /%s/<run>  %s\n", nearest[i]->id, nearest[i]->title);
    }
    buf_append_str(out, "Paths are /<scenario>/<run>[/<resource>]; / lists all scenarios.\n");
}

void page_ended(struct bytes run, struct buf *out)
{
    buf_append_str(out, "Run ");
    buf_append_bytes(out, run);
    buf_append_str(out, " has ended.\n");
}

void page_bad_request(const struct bad_request *bad, struct buf *out)
{
    buf_printf(out, "%s\n", bad->reason);
    if (bad->method.len > 0) {
        buf_append_str(out, "The method was ");
        buf_append(out, bad->method.data, bad->method.len > 64 ? 64 : bad->method.len);
        buf_append_str(out, ".\n");
    }
}

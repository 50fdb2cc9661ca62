/* SPDX-License-Identifier: MIT */
#include "adapterkit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "json.h"
#include "sha256.h"

static const char USUAL_METHODS[] = "GET HEAD POST PUT PATCH DELETE OPTIONS PROPFIND MKCOL COPY";

static const struct kit_client *client;
static int channel = -1; /* -1: marked lines on standard output */

void kit_die(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vfprintf(stderr, format, values);
    va_end(values);
    putc('\n', stderr);
    exit(1);
}

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory)
        kit_die("no memory");
    return memory;
}

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void sleep_ms(double ms)
{
    if (ms <= 0)
        return;
    struct timespec rest = {(time_t)(ms / 1e3), 0};
    rest.tv_nsec = (long)((ms - (double)rest.tv_sec * 1e3) * 1e6);
    while (nanosleep(&rest, &rest) != 0 && errno == EINTR)
        continue;
}

static bool has_word(const char *words, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = words; at && *at; at += strcspn(at, " ")) {
        at += strspn(at, " ");
        if (strcspn(at, " ") == n && strncmp(at, word, n) == 0)
            return true;
    }
    return false;
}

/* ---------------------------------------------------------------- events */

/* An event is written in memory, then to the channel at once. */
struct event {
    FILE *out;
    char *text;
    size_t length;
};

static void event_begin(struct event *event, const char *name)
{
    *event = (struct event){0};
    event->out = open_memstream(&event->text, &event->length);
    if (!event->out)
        kit_die("no memory");
    fprintf(event->out, "%s{\"v\":1,\"event\":\"%s\"", channel < 0 ? "@interimspec " : "", name);
}

/* A comma before the member, unless it is the first of its object. */
static void put_key(struct event *event, const char *key)
{
    fflush(event->out);
    bool first = event->length > 0 && event->text[event->length - 1] == '{';
    fprintf(event->out, "%s\"%s\":", first ? "" : ",", key);
}

static void put_string(struct event *event, const char *key, const char *value)
{
    put_key(event, key);
    json_write_string(event->out, value);
}

static void put_flag(struct event *event, const char *key, bool value)
{
    put_key(event, key);
    fputs(value ? "true" : "false", event->out);
}

static void put_time(struct event *event, const char *key, double ms)
{
    fprintf(event->out, ",\"%s\":%.3f", key, ms);
}

static void put_words(struct event *event, const char *key, const char *words)
{
    put_key(event, key);
    const char *before = "[";
    for (const char *at = words; at && *at; at += strcspn(at, " ")) {
        at += strspn(at, " ");
        fputs(before, event->out);
        json_write_octets(event->out, at, strcspn(at, " "));
        before = ",";
    }
    fputs(*before == '[' ? "[]" : "]", event->out);
}

static void event_end(struct event *event)
{
    fputs("}\n", event->out);
    if (fclose(event->out) != 0)
        kit_die("no memory");
    int out = channel < 0 ? STDOUT_FILENO : channel;
    for (size_t done = 0; done < event->length;) {
        ssize_t n = write(out, event->text + done, event->length - done);
        if (n < 0 && errno != EINTR)
            kit_die("the events' pipe: %s", strerror(errno));
        done += n > 0 ? (size_t)n : 0;
    }
    free(event->text);
}

static void say_hello(void)
{
    const struct kit_can *can = &client->can;
    struct event event;
    event_begin(&event, "hello");
    put_string(&event, "client", client->name);
    put_string(&event, "version", client->version);
    fputs(",\"stack\":[", event.out);
    for (const struct kit_layer *layer = client->stack; layer->name; layer++) {
        fputs(layer == client->stack ? "{" : ",{", event.out);
        put_string(&event, "name", layer->name);
        put_string(&event, "version", layer->version);
        putc('}', event.out);
    }
    fputs("],\"can\":{", event.out);
    put_words(&event, "http", can->http);
    put_flag(&event, "tls", can->tls);
    put_flag(&event, "proxy", can->proxy);
    put_words(&event, "timers", can->timers);
    put_string(&event, "second_request", can->second_request);
    put_flag(&event, "not_before", can->not_before);
    put_string(&event, "interim", can->interim ? can->interim : "none");
    put_flag(&event, "phases", can->phases);
    put_flag(&event, "expect_continue", can->expect_continue);
    put_flag(&event, "body_stream", can->body_stream);
    put_words(&event, "methods", can->methods ? can->methods : USUAL_METHODS);
    putc('}', event.out);
    event_end(&event);
}

/* ---------------------------------------------------------------- plans */

static const char *text_of(const struct json *object, const char *key)
{
    const struct json *value = json_get(object, key);
    if (value && value->kind != JSON_STRING)
        kit_die("a plan that cannot be read: %s is no string", key);
    return value ? value->text : NULL;
}

static long number_of(const struct json *object, const char *key, long absent)
{
    const struct json *value = object ? json_get(object, key) : NULL;
    return value ? (long)value->number : absent;
}

static int base64_digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c ? strchr(digits, c) : NULL;
    return found ? (int)(found - digits) : -1;
}

static char *base64_decode(const char *text, size_t *length)
{
    char *octets = allocate(strlen(text) + 1, 1);
    uint32_t bits = 0;
    int n = 0;
    *length = 0;
    for (; base64_digit(*text) >= 0; text++) {
        bits = bits << 6 | (uint32_t)base64_digit(*text);
        n += 6;
        if (n >= 8) {
            n -= 8;
            octets[(*length)++] = (char)(bits >> n);
        }
    }
    return octets;
}

static struct kit_timers timers_of(const struct json *plan, const struct json *request)
{
    const struct json *shared = json_get(plan, "timers"), *own = json_get(request, "timers");
    return (struct kit_timers){
        number_of(own, "connect_ms", number_of(shared, "connect_ms", KIT_UNSET)),
        number_of(own, "read_ms", number_of(shared, "read_ms", KIT_UNSET)),
        number_of(own, "total_ms", number_of(shared, "total_ms", KIT_UNSET)),
    };
}

static void read_fields(struct kit_request *request, const struct json *values)
{
    const struct json *list = json_get(values, "headers");
    struct kit_pair *fields = allocate(json_count(list), sizeof *fields);
    for (const struct json *item = list ? list->item : NULL; item; item = item->next)
        fields[request->n_fields++] = (struct kit_pair){item->item->text, item->item->next->text};
    request->fields = fields;
}

static void read_pauses(struct kit_request *request, const struct json *values)
{
    const struct json *list = json_get(values, "body_pause_ms");
    struct kit_pause *pauses = allocate(json_count(list), sizeof *pauses);
    for (const struct json *item = list ? list->item : NULL; item; item = item->next)
        pauses[request->n_pauses++] =
            (struct kit_pause){(size_t)item->item->number, (long)item->item->next->number};
    request->pauses = pauses;
}

static void read_request(struct kit_request *request, const struct kit_plan *plan,
                         const struct json *all, const struct json *values)
{
    const struct json *expect = json_get(values, "expect_continue");
    const char *body = text_of(values, "body_b64");
    request->plan = plan;
    request->name = text_of(values, "name");
    request->method = text_of(values, "method");
    request->url = text_of(values, "url");
    request->body = body ? base64_decode(body, &request->body_length) : NULL;
    request->expect_continue = expect && expect->kind == JSON_TRUE;
    request->not_before_ms = number_of(values, "not_before_ms", 0);
    request->timers = timers_of(all, values);
    read_fields(request, values);
    read_pauses(request, values);
}

static void read_plan(struct kit_plan *plan, const struct json *values)
{
    const struct json *list = json_get(values, "requests");
    plan->id = text_of(values, "plan");
    plan->http = text_of(values, "http");
    plan->ca_file = text_of(values, "ca_file");
    plan->proxy = text_of(values, "proxy");
    plan->body_limit = (size_t)number_of(values, "body_limit", 65536);
    if (!plan->id || !plan->http || !list)
        kit_die("a plan that cannot be read: no plan, http or requests");
    struct kit_request *requests = allocate(json_count(list), sizeof *requests);
    for (const struct json *item = list->item; item; item = item->next)
        read_request(&requests[plan->n_requests++], plan, values, item);
    plan->requests = requests;
}

static void free_plan(struct kit_plan *plan)
{
    for (size_t i = 0; i < plan->n_requests; i++) {
        free((void *)plan->requests[i].body);
        free((void *)plan->requests[i].fields);
        free((void *)plan->requests[i].pauses);
    }
    free((void *)plan->requests);
}

/* ---------------------------------------------------------------- what the client cannot do */

static const struct json *unknown_key(const struct json *object, const char *known)
{
    for (const struct json *item = object->item; item; item = item->next)
        if (!has_word(known, item->key))
            return item;
    return NULL;
}

static bool is_on(const struct json *object, const char *key)
{
    const struct json *value = json_get(object, key);
    return value && value->kind != JSON_FALSE && !(value->kind == JSON_ARRAY && !value->item) &&
           !(value->kind == JSON_NUMBER && value->number == 0);
}

static const struct json *unsupported_timer(const struct json *object)
{
    const struct json *timers = json_get(object, "timers");
    for (const struct json *item = timers ? timers->item : NULL; item; item = item->next)
        if (item->kind != JSON_NULL && !has_word(client->can.timers, item->key))
            return item;
    return NULL;
}

static const struct json *unsupported_in_request(const struct json *request)
{
    const struct kit_can *can = &client->can;
    const char *methods = can->methods ? can->methods : USUAL_METHODS;
    const struct json *found = unknown_key(request, "name method url headers body_b64 body_pause_ms "
                                                    "expect_continue start not_before_ms timers");
    if (found || (found = unsupported_timer(request)))
        return found;
    if (!has_word(methods, text_of(request, "method")))
        return json_get(request, "method");
    if (strncmp(text_of(request, "url"), "https:", 6) == 0 && !can->tls)
        return json_get(request, "url");
    if (is_on(request, "expect_continue") && !can->expect_continue)
        return json_get(request, "expect_continue");
    if (is_on(request, "body_pause_ms") && !(can->body_stream && json_get(request, "body_b64")))
        return json_get(request, "body_pause_ms");
    if (is_on(request, "not_before_ms") && !can->not_before)
        return json_get(request, "not_before_ms");
    found = json_get(request, "start");
    return found && strcmp(found->text, "after-previous") != 0 ? found : NULL;
}

static bool is_h2c(const struct json *plan, const struct json *first_request)
{
    return strcmp(text_of(plan, "http"), "2") == 0 && first_request &&
           strncmp(text_of(first_request, "url"), "http:", 5) == 0;
}

/* The first thing in the plan that the client cannot do. */
static const struct json *unsupported(const struct json *plan)
{
    const struct json *requests = json_get(plan, "requests"), *found;
    found = unknown_key(plan, "v plan http timers ca_file proxy body_limit requests");
    if (found || (found = unsupported_timer(plan)))
        return found;
    if (number_of(plan, "v", 0) != 1)
        return json_get(plan, "v");
    if (!has_word(client->can.http, text_of(plan, "http")) ||
        (client->no_h2c && is_h2c(plan, requests ? requests->item : NULL)))
        return json_get(plan, "http");
    if (json_get(plan, "proxy") && !client->can.proxy)
        return json_get(plan, "proxy");
    for (const struct json *item = requests ? requests->item : NULL; item; item = item->next)
        if ((found = unsupported_in_request(item)))
            return found;
    return NULL;
}

static void say_unsupported(const char *plan, const struct json *what)
{
    struct event event;
    event_begin(&event, "unsupported");
    put_string(&event, "plan", plan);
    put_string(&event, "what", what->key);
    put_key(&event, "value");
    json_write(event.out, what);
    event_end(&event);
}

/* ---------------------------------------------------------------- playing */

static double first_at; /* when the first request of the plan began; 0: not yet */

static void play_line(const char *line)
{
    struct json *values = json_parse(line);
    if (!values || values->kind != JSON_OBJECT)
        kit_die("a plan that cannot be read");
    const struct json *what = unsupported(values);
    struct kit_plan plan = {0};
    read_plan(&plan, values);
    first_at = 0;
    if (what)
        say_unsupported(plan.id, what);
    else
        client->play(&plan);
    struct event event;
    event_begin(&event, "done");
    put_string(&event, "plan", plan.id);
    event_end(&event);
    free_plan(&plan);
    json_free(values);
}

int kit_main(const struct kit_client *described)
{
    const char *path = getenv("INTERIMSPEC_OUT");
    client = described;
    if (path && *path && (channel = open(path, O_WRONLY | O_CLOEXEC)) < 0)
        kit_die("the events' pipe: %s: %s", path, strerror(errno));
    say_hello();
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, stdin) > 0)
        if (line[strspn(line, " \t\r\n")])
            play_line(line);
    free(line);
    return 0;
}

size_t kit_body_piece(const struct kit_request *request, size_t offset)
{
    size_t end = request->body_length;
    for (size_t i = 0; i < request->n_pauses; i++) {
        if (request->pauses[i].after == offset)
            sleep_ms((double)request->pauses[i].ms);
        else if (request->pauses[i].after > offset && request->pauses[i].after < end)
            end = request->pauses[i].after;
    }
    return end - offset;
}

const char *kit_find_field(const struct kit_request *request, const char *name)
{
    for (size_t i = 0; i < request->n_fields; i++)
        if (strcasecmp(request->fields[i].name, name) == 0)
            return request->fields[i].value;
    return NULL;
}

/* ---------------------------------------------------------------- reports */

struct kit_report {
    const struct kit_request *request;
    double started;
    bool responded, has_body;
    int status_seen; /* 0: none */
    struct event fields;
    size_t n_fields;
    char *kept;
    size_t n_kept, length;
    struct sha256 sha;
};

static void forget_fields(struct kit_report *report)
{
    fclose(report->fields.out);
    free(report->fields.text);
}

static void gather_fields(struct kit_report *report)
{
    report->n_fields = 0;
    report->fields = (struct event){0};
    report->fields.out = open_memstream(&report->fields.text, &report->fields.length);
    if (!report->fields.out)
        kit_die("no memory");
}

struct kit_report *kit_begin(const struct kit_request *request)
{
    struct kit_report *report = allocate(1, sizeof *report);
    if (first_at == 0)
        first_at = now_ms();
    sleep_ms(first_at + (double)request->not_before_ms - now_ms());
    report->request = request;
    report->kept = allocate(request->plan->body_limit, 1);
    sha256_begin(&report->sha);
    gather_fields(report);
    report->started = now_ms();
    return report;
}

static void put_field(struct kit_report *report, const char *name, size_t name_length,
                      const char *value, size_t value_length)
{
    FILE *out = report->fields.out;
    fputs(report->n_fields++ ? ",[" : "[", out);
    json_write_octets(out, name, name_length);
    putc(',', out);
    json_write_octets(out, value, value_length);
    putc(']', out);
}

void kit_field(struct kit_report *report, const char *name, const char *value)
{
    put_field(report, name, strlen(name), value, strlen(value));
}

void kit_field_line(struct kit_report *report, const char *line, size_t length)
{
    const char *colon = memchr(line, ':', length), *end = line + length;
    if (!colon)
        return;
    const char *value = colon + 1;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && strchr(" \t\r\n", end[-1]))
        end--;
    put_field(report, line, (size_t)(colon - line), value, (size_t)(end - value));
}

void kit_forget(struct kit_report *report)
{
    forget_fields(report);
    gather_fields(report);
}

static void put_request(struct event *event, const struct kit_report *report)
{
    put_string(event, "plan", report->request->plan->id);
    put_string(event, "request", report->request->name);
}

static void put_fields(struct event *event, struct kit_report *report)
{
    put_key(event, "fields");
    fflush(report->fields.out);
    fprintf(event->out, "[%s]", report->fields.text ? report->fields.text : "");
    kit_forget(report);
}

void kit_interim(struct kit_report *report, int status)
{
    struct event event;
    event_begin(&event, "interim");
    put_request(&event, report);
    put_time(&event, "at", now_ms());
    fprintf(event.out, ",\"status\":%d", status);
    if (strcmp(client->can.interim, "fields") == 0)
        put_fields(&event, report);
    event_end(&event);
}

void kit_response(struct kit_report *report, int status, const char *reason)
{
    struct event event;
    event_begin(&event, "response");
    put_request(&event, report);
    put_time(&event, "at", now_ms());
    fprintf(event.out, ",\"status\":%d", status);
    put_string(&event, "reason", reason);
    put_fields(&event, report);
    event_end(&event);
    report->responded = report->has_body = true;
}

void kit_body(struct kit_report *report, const void *octets, size_t length)
{
    size_t room = report->request->plan->body_limit - report->n_kept;
    size_t keep = length < room ? length : room;
    if (keep > 0)
        memcpy(report->kept + report->n_kept, octets, keep);
    report->n_kept += keep;
    report->length += length;
    report->has_body = true;
    sha256_add(&report->sha, octets, length);
}

void kit_status_seen(struct kit_report *report, int status)
{
    report->status_seen = status;
}

static void put_base64(struct event *event, const char *key, const char *octets, size_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    put_key(event, key);
    putc('"', event->out);
    for (size_t i = 0; i < length; i += 3) {
        size_t n = length - i < 3 ? length - i : 3;
        uint32_t bits = 0;
        for (size_t j = 0; j < 3; j++)
            bits = bits << 8 | (j < n ? (unsigned char)octets[i + j] : 0);
        for (size_t j = 0; j < 4; j++)
            putc(j <= n ? digits[bits >> (18 - 6 * j) & 63] : '=', event->out);
    }
    putc('"', event->out);
}

static void put_error(struct event *event, const struct kit_report *report, const char *kind,
                      int status, const char *type, const char *words)
{
    fputs(",\"error\":{", event->out);
    put_string(event, "kind", kind);
    if (strcmp(kind, "status") == 0)
        fprintf(event->out, ",\"status\":%d", status);
    else if (report->status_seen)
        fprintf(event->out, ",\"detail\":{\"status\":%d}", report->status_seen);
    put_string(event, "phase", !client->can.phases ? NULL : report->responded ? "body" : "head");
    put_string(event, "type", type);
    put_key(event, "message");
    json_write_octets(event->out, words ? words : "", words ? strnlen(words, 2000) : 0);
    putc('}', event->out);
}

static void end_report(struct kit_report *report, const char *kind, int status, const char *type,
                       const char *words)
{
    struct event event;
    event_begin(&event, "end");
    put_request(&event, report);
    put_time(&event, "started", report->started);
    put_time(&event, "at", now_ms());
    put_string(&event, "told", kind ? "failed" : "ok");
    if (kind)
        put_error(&event, report, kind, status, type, words);
    else
        put_string(&event, "error", NULL);
    if (report->has_body) {
        char hex[65];
        sha256_end(&report->sha, hex);
        put_base64(&event, "body_b64", report->kept, report->n_kept);
        fprintf(event.out, ",\"body_len\":%zu", report->length);
        put_string(&event, "body_sha256", hex);
    }
    event_end(&event);
    forget_fields(report);
    free(report->kept);
    free(report);
}

void kit_ok(struct kit_report *report)
{
    end_report(report, NULL, 0, NULL, NULL);
}

void kit_failed(struct kit_report *report, const char *kind, const char *type, const char *words)
{
    end_report(report, kind, 0, type, words);
}

void kit_failed_status(struct kit_report *report, int status, const char *type, const char *words)
{
    end_report(report, "status", status, type, words);
}

/* SPDX-License-Identifier: MIT
 *
 * libcurl: one easy handle per plan, reset between requests, which keeps its connections. With
 * --multi the transfers are driven by the multi interface.
 */
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "adapterkit.h"

static bool use_multi;

/* The head that the header callback is being given, line by line. */
struct head {
    struct kit_report *report;
    int status;
    bool ended; /* what comes then is a trailer, or the next head */
};

static size_t on_header(char *line, size_t size, size_t count, void *data)
{
    struct head *head = data;
    size_t length = size * count;
    if (length > 5 && strncmp(line, "HTTP/", 5) == 0) {
        const char *code = memchr(line, ' ', length);
        head->status = code ? atoi(code) : 0;
        head->ended = false;
        kit_forget(head->report);
    } else if (line[0] == '\r' || line[0] == '\n') {
        if (!head->ended && head->status >= 100 && head->status <= 199)
            kit_interim(head->report, head->status);
        head->ended = true;
    } else if (!head->ended) {
        kit_field_line(head->report, line, length);
    }
    return length;
}

static size_t on_body(char *octets, size_t size, size_t count, void *report)
{
    kit_body(report, octets, size * count);
    return size * count;
}

static void set_version(CURL *curl, const struct kit_request *request)
{
    bool tls = strncmp(request->url, "https:", 6) == 0;
    if (strcmp(request->plan->http, "1.1") == 0 && tls)
        curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    if (strcmp(request->plan->http, "2") == 0 && !tls)
        curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
}

static struct curl_slist *set_fields(CURL *curl, const struct kit_request *request)
{
    struct curl_slist *lines = NULL;
    for (size_t i = 0; i < request->n_fields; i++) {
        char line[8192];
        snprintf(line, sizeof line, "%s: %s", request->fields[i].name, request->fields[i].value);
        lines = curl_slist_append(lines, line);
    }
    if (request->expect_continue)
        lines = curl_slist_append(lines, "Expect: 100-continue");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, lines);
    return lines;
}

static void set_up(CURL *curl, const struct kit_request *request)
{
    curl_easy_setopt(curl, CURLOPT_URL, request->url);
    set_version(curl, request);
    if (request->timers.connect_ms != KIT_UNSET)
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, request->timers.connect_ms);
    if (request->timers.total_ms != KIT_UNSET)
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, request->timers.total_ms);
    if (request->body) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
    }
    if (strcmp(request->method, "HEAD") == 0)
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    else if (strcmp(request->method, "GET") != 0)
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    if (request->plan->ca_file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, request->plan->ca_file);
    if (request->plan->proxy)
        curl_easy_setopt(curl, CURLOPT_PROXY, request->plan->proxy);
}

static CURLcode perform_multi(CURLM *multi, CURL *curl)
{
    CURLcode result = CURLE_OK;
    int running, queued;
    CURLMsg *message;
    curl_multi_add_handle(multi, curl);
    do {
        if (curl_multi_perform(multi, &running) != CURLM_OK ||
            (running && curl_multi_poll(multi, NULL, 0, 1000, NULL) != CURLM_OK))
            kit_die("the multi handle has failed");
    } while (running);
    while ((message = curl_multi_info_read(multi, &queued)))
        if (message->msg == CURLMSG_DONE)
            result = message->data.result;
    curl_multi_remove_handle(multi, curl);
    return result;
}

static const char *kind_of(CURLcode code)
{
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        return "timeout";
    case CURLE_COULDNT_CONNECT:
        return "refused";
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return "closed";
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
        return "tls";
    case CURLE_TOO_MANY_REDIRECTS:
    case CURLE_FILESIZE_EXCEEDED:
        return "limit";
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return "protocol";
    default:
        return "other";
    }
}

static void tell_failure(struct kit_report *report, CURLcode code, int status, const char *words)
{
    char type[16];
    snprintf(type, sizeof type, "CURLcode %d", (int)code);
    kit_status_seen(report, status);
    kit_failed(report, kind_of(code), type, words[0] ? words : curl_easy_strerror(code));
}

static void send_request(CURLM *multi, CURL *curl, const struct kit_request *request)
{
    struct head head = {.report = kit_begin(request)};
    char words[CURL_ERROR_SIZE] = "";
    long status = 0;
    curl_easy_reset(curl);
    set_up(curl, request);
    struct curl_slist *lines = set_fields(curl, request);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &head);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, head.report);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, words);
    CURLcode code = multi ? perform_multi(multi, curl) : curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK) {
        tell_failure(head.report, code, (int)status, words);
    } else {
        kit_response(head.report, (int)status, NULL);
        kit_ok(head.report);
    }
    curl_slist_free_all(lines);
}

static void play(const struct kit_plan *plan)
{
    CURLM *multi = use_multi ? curl_multi_init() : NULL;
    CURL *curl = curl_easy_init();
    if (!curl)
        kit_die("no easy handle");
    for (size_t i = 0; i < plan->n_requests; i++)
        send_request(multi, curl, &plan->requests[i]);
    curl_easy_cleanup(curl);
    if (multi)
        curl_multi_cleanup(multi);
}

/* libcurl 7.88.0 and 7.88.1 fail every request but the first on a connection with prior knowledge,
 * whatever the answers are (github.com/curl/curl/issues/10634). */
static bool lacks_prior_knowledge(const curl_version_info_data *info)
{
    return info->version_num == 0x075800 || info->version_num == 0x075801;
}

/* The version at the end of the first word that begins so, as in "OpenSSL/3.0.15". */
static const char *layer_version(const char *text)
{
    const char *slash = text ? strrchr(text, '/') : NULL;
    return slash ? slash + 1 : text;
}

int main(int argc, char **argv)
{
    use_multi = argc > 1 && strcmp(argv[1], "--multi") == 0;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
    struct kit_client client = {
        .name = "libcurl",
        .version = info->version,
        .stack = {{"openssl", layer_version(info->ssl_version)}, {"nghttp2", info->nghttp2_version}},
        .can = {.http = "1.1 2",
                .tls = true,
                .proxy = true,
                .timers = "connect_ms total_ms",
                .second_request = "pooled",
                .not_before = true,
                .interim = "fields",
                .expect_continue = true},
        .no_h2c = lacks_prior_knowledge(info),
        .play = play,
    };
    return kit_main(&client);
}

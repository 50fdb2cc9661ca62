/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "options.h"
#include "server.h"
#include "xmalloc.h"

enum { EXIT_BAD_INPUT = 2 };

static int fail(char *message)
{
    fprintf(stderr, "mockserver: %s\n", message);
    free(message);
    return EXIT_BAD_INPUT;
}

/* False where nobody can read it. */
static bool write_ready(const struct server *server)
{
    const struct options *options = server->options;
    struct buf line = {0};
    struct json json;
    json_init(&json, &line);
    json_object(&json);
    json_key_bool(&json, "ready", true);
    json_key_text(&json, "version", MOCKSERVER_VERSION);
    json_key_int(&json, "pid", getpid());
    json_key_object(&json, "h1");
    json_key_text(&json, "host", options->host);
    json_key_int(&json, "port", listener_port(server->listener));
    json_key_array(&json, "ports");
    for (size_t i = 0; i < listener_lease_count(server->listener); i++) {
        json_int(&json, listener_lease_ports(server->listener)[i]);
    }
    json_end_array(&json);
    json_end_object(&json);
    json_key_object(&json, "h1s");
    json_key_text(&json, "host", options->tls_host[0] ? options->tls_host : options->host);
    json_key_int(&json, "port", listener_tls_port(server->listener));
    json_end_object(&json);
    json_key_text(&json, "ca_file", server->ca_file);
    json_key_text(&json, "control", options->control);
    json_key_int(&json, "scenarios", (int64_t)server->catalogue.count);
    json_key_object(&json, "limits");
    json_key_int(&json, "files", server->files);
    json_key_int(&json, "runs", server->max_runs);
    json_end_object(&json);
    json_key_text(&json, "scheduling", host_scheduling_name(server->scheduling));
    json_key_text(&json, "unread_check",
                  unread_is_available(server->unread) ? "netlink" : "unknown");
    json_key(&json, "pace");
    json_real(&json, options->pace, 3);
    json_end_object(&json);
    buf_append_str(&line, "\n");
    bool is_written = fwrite(line.data + line.start, 1, buf_len(&line), stdout) == buf_len(&line) &&
                      fflush(stdout) == 0;
    buf_fini(&line);
    return is_written;
}

int main(int argc, char **argv)
{
    struct options options;
    char *message = NULL;
    switch (options_parse(&options, argc, argv, &message)) {
    case OPTIONS_HELP:
        fputs(options_help, stdout);
        return EXIT_SUCCESS;
    case OPTIONS_VERSION:
        puts("mockserver " MOCKSERVER_VERSION);
        return EXIT_SUCCESS;
    case OPTIONS_BAD:
        return fail(message);
    case OPTIONS_RUN:
        break;
    }
    struct catalogue catalogue = {0};
    if (!catalogue_load(&catalogue, options.catalogue, &message)) {
        fputs(message, stderr);
        free(message);
        catalogue_fini(&catalogue);
        return EXIT_BAD_INPUT;
    }
    if (options.check) {
        catalogue_fini(&catalogue);
        return EXIT_SUCCESS;
    }
    signal(SIGPIPE, SIG_IGN);
    struct server *server = server_new(&options, &catalogue, &message);
    if (!server) {
        return fail(message);
    }
    bool is_ready = write_ready(server);
    if (is_ready) {
        server_run(server);
    }
    server_free(server);
    return is_ready ? EXIT_SUCCESS
                    : fail(xstrdup("cannot write the ready line to standard output"));
}

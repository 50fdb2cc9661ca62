/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "xmalloc.h"

const char options_help[] =
    "Usage: mockserver [OPTION]...\n"
    "Plays the scenarios of a catalogue to HTTP clients, octet by octet, at\n"
    "http://HOST:PORT/<scenario>/<run>; / lists them.\n"
    "\n"
    "  --catalogue DIR|FILE  scenario files (default: scenarios)\n"
    "  --listen HOST:PORT    numeric address; port 0 is any (default: 127.0.0.1:0)\n"
    "  --tls-listen HOST:PORT  the same for TLS (default: the host of --listen, port 0)\n"
    "  --ca-file FILE        where the certificate to trust is written (default: beside\n"
    "                        the control socket, or a new file)\n"
    "  --ports N             ports that can be leased to runs (default: 64)\n"
    "  --control PATH        Unix socket on which runs are made and ended\n"
    "  --pace F              factor on every sleep, 0.001 to 1000 (default: 1)\n"
    "  --transcript          print what happens to standard error, as it happens\n"
    "  --no-transcripts      keep no transcripts\n"
    "  --no-realtime         do not ask for real-time scheduling (--realtime: do)\n"
    "  --check               read the catalogue, report errors, and exit\n"
    "  --version, --help\n"
    "\n"
    "With SSLKEYLOGFILE in the environment the secrets of TLS are appended to that file.\n"
    "Prints one line of JSON when it is ready. Exit status 2: bad option, bad scenario\n"
    "file, or an address that cannot be had.\n";

static char *complain(const char *format, const char *value)
{
    struct buf text = {0};
    const char *mark = strstr(format, "%s");
    buf_append(&text, format, (size_t)(mark - format));
    buf_append_str(&text, value);
    buf_append_str(&text, mark + 2);
    char *message = xmemdup0(text.data + text.start, buf_len(&text));
    buf_fini(&text);
    return message;
}

static bool parse_int(const char *text, int min, int max, int *value)
{
    char *end;
    long number = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || number < min || number > max) {
        return false;
    }
    *value = (int)number;
    return true;
}

/* "127.0.0.1:8080", "[::1]:0", "8080", "127.0.0.1" */
static bool parse_listen(const char *text, char *into, size_t size, int *port)
{
    const char *colon = strrchr(text, ':');
    const char *host = text;
    size_t host_len;
    if (text[0] == '[') {
        const char *bracket = strchr(text, ']');
        if (!bracket || (bracket[1] != '\0' && bracket[1] != ':')) {
            return false;
        }
        host = text + 1;
        host_len = (size_t)(bracket - host);
        colon = bracket[1] == ':' ? bracket + 1 : NULL;
    } else if (!colon && strspn(text, "0123456789") == strlen(text)) {
        return parse_int(text, 0, 65535, port);
    } else {
        host_len = colon ? (size_t)(colon - text) : strlen(text);
    }
    if (host_len == 0 || host_len >= size) {
        return false;
    }
    memcpy(into, host, host_len);
    into[host_len] = '\0';
    if (strcmp(into, "localhost") == 0) {
        snprintf(into, size, "127.0.0.1");
    }
    return !colon || parse_int(colon + 1, 0, 65535, port);
}

static bool parse_pace(const char *text, double *pace)
{
    char *end;
    *pace = strtod(text, &end);
    return *text != '\0' && *end == '\0' && isfinite(*pace) && *pace >= 0.001 && *pace <= 1000;
}

enum {
    OPT_CATALOGUE = 256,
    OPT_LISTEN,
    OPT_TLS_LISTEN,
    OPT_CA_FILE,
    OPT_PORTS,
    OPT_CONTROL,
    OPT_PACE,
    OPT_TRANSCRIPT,
    OPT_NO_TRANSCRIPTS,
    OPT_REALTIME,
    OPT_NO_REALTIME,
    OPT_CHECK,
    OPT_VERSION,
    OPT_HELP
};

static const struct option long_options[] = {
    {"catalogue", required_argument, NULL, OPT_CATALOGUE},
    {"listen", required_argument, NULL, OPT_LISTEN},
    {"tls-listen", required_argument, NULL, OPT_TLS_LISTEN},
    {"ca-file", required_argument, NULL, OPT_CA_FILE},
    {"ports", required_argument, NULL, OPT_PORTS},
    {"control", required_argument, NULL, OPT_CONTROL},
    {"pace", required_argument, NULL, OPT_PACE},
    {"transcript", no_argument, NULL, OPT_TRANSCRIPT},
    {"no-transcripts", no_argument, NULL, OPT_NO_TRANSCRIPTS},
    {"realtime", no_argument, NULL, OPT_REALTIME},
    {"no-realtime", no_argument, NULL, OPT_NO_REALTIME},
    {"check", no_argument, NULL, OPT_CHECK},
    {"version", no_argument, NULL, OPT_VERSION},
    {"help", no_argument, NULL, OPT_HELP},
    {0},
};

static enum options_wish apply(struct options *options, int option, const char *value,
                               char **message)
{
    switch (option) {
    case OPT_CATALOGUE:
        options->catalogue = value;
        return OPTIONS_RUN;
    case OPT_LISTEN:
        if (!parse_listen(value, options->host, sizeof options->host, &options->port)) {
            *message = complain("--listen %s: expected HOST:PORT, such as 127.0.0.1:8080", value);
            return OPTIONS_BAD;
        }
        return OPTIONS_RUN;
    case OPT_TLS_LISTEN:
        if (!parse_listen(value, options->tls_host, sizeof options->tls_host, &options->tls_port)) {
            *message =
                complain("--tls-listen %s: expected HOST:PORT, such as 127.0.0.1:8443", value);
            return OPTIONS_BAD;
        }
        return OPTIONS_RUN;
    case OPT_CA_FILE:
        options->ca_file = value;
        return OPTIONS_RUN;
    case OPT_PORTS:
        if (!parse_int(value, 0, 4096, &options->ports)) {
            *message = complain("--ports %s: expected a number from 0 to 4096", value);
            return OPTIONS_BAD;
        }
        return OPTIONS_RUN;
    case OPT_CONTROL:
        options->control = value;
        return OPTIONS_RUN;
    case OPT_PACE:
        if (!parse_pace(value, &options->pace)) {
            *message = complain("--pace %s: expected a factor from 0.001 to 1000", value);
            return OPTIONS_BAD;
        }
        return OPTIONS_RUN;
    case OPT_TRANSCRIPT:
        options->live = true;
        return OPTIONS_RUN;
    case OPT_NO_TRANSCRIPTS:
        options->no_transcripts = true;
        return OPTIONS_RUN;
    case OPT_REALTIME:
        options->realtime = true;
        return OPTIONS_RUN;
    case OPT_NO_REALTIME:
        options->realtime = false;
        return OPTIONS_RUN;
    case OPT_CHECK:
        options->check = true;
        return OPTIONS_RUN;
    case OPT_VERSION:
        return OPTIONS_VERSION;
    case OPT_HELP:
        return OPTIONS_HELP;
    default:
        return OPTIONS_BAD;
    }
}

enum options_wish options_parse(struct options *options, int argc, char **argv, char **message)
{
    *options = (struct options){
        .catalogue = "scenarios", .host = "127.0.0.1", .ports = 64, .pace = 1, .realtime = true};
    opterr = 0;
    optind = 1;
    for (;;) {
        int current = optind;
        int option = getopt_long(argc, argv, ":", long_options, NULL);
        if (option == -1) {
            break;
        }
        if (option == ':' || option == '?') {
            *message = complain(option == ':' ? "%s needs a value (see --help)"
                                              : "unknown option %s (see --help)",
                                argv[current < argc ? current : argc - 1]);
            return OPTIONS_BAD;
        }
        enum options_wish wish = apply(options, option, optarg, message);
        if (wish != OPTIONS_RUN) {
            return wish;
        }
    }
    if (optind < argc) {
        *message = complain("unexpected argument %s (see --help)", argv[optind]);
        return OPTIONS_BAD;
    }
    return OPTIONS_RUN;
}

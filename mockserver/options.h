/* SPDX-License-Identifier: MIT */
/* The command line. */
#ifndef INTERIMSPEC_OPTIONS_H
#define INTERIMSPEC_OPTIONS_H

#include <stdbool.h>

#define MOCKSERVER_VERSION "0.1.0"

enum options_wish { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_VERSION, OPTIONS_BAD };

struct options {
    const char *catalogue; /* borrowed from argv, as are the others */
    const char *control;   /* NULL: none */
    const char *ca_file;   /* where the certificate to trust is written; NULL: a new file */
    char host[64];
    int port;
    char tls_host[64]; /* empty: as host */
    int tls_port;
    int ports; /* to lease */
    double pace;
    bool live;
    bool no_transcripts;
    bool realtime;
    bool check;
};

/* OPTIONS_BAD with *message (owned by the caller) saying which option and what it takes. */
enum options_wish options_parse(struct options *options, int argc, char **argv, char **message);
extern const char options_help[];

#endif

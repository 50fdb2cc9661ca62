/* SPDX-License-Identifier: MIT */
/* A whole connection of a real server, over a pair of sockets: TLS or not, from the first octet of
 * the handshake to the transcript.
 *
 * The input: one octet that chooses the port (enum port) and, for TLS, whether a client shakes
 * hands first (HANDSHAKE) and offers h2 (OFFERS_H2). Then pieces, an octet of length each: those
 * with the top bit go into the socket as they are, even where a TLS client would encrypt them. */
#include <assert.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn.h"
#include "transcript_json.h"

enum port { PORT_SHARED, PORT_SHARED_TLS, PORT_LEASED, PORT_LEASED_TLS, PORTS };
enum { HANDSHAKE = 4, OFFERS_H2 = 8, RAW = 0x80, HANDSHAKE_ROUNDS = 50, LAST_ROUNDS = 4 };

static const char scenario[] = "id: made\ntitle: made\nrequirements: []\n"
                               "transports: [h1, h1s, h2, h2c]\n"
                               "script:\n"
                               "  - respond: {status: 102}\n"
                               "  - respond: {status: 200, body: own}\n"
                               "expect: {class: trait}\nwhy: To be fuzzed.\n";

static struct options options = {
    .host = "127.0.0.1", .tls_host = "127.0.0.1", .ports = 0, .pace = 1};
static struct server *server;
static gnutls_certificate_credentials_t credentials;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void stop(void)
{
    server_free(server);
    gnutls_certificate_free_credentials(credentials);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    signal(SIGPIPE, SIG_IGN);
    char folder[] = "/tmp/fuzz_conn.XXXXXX", path[sizeof folder + 16];
    assert(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/made.yaml", folder);
    FILE *file = fopen(path, "w");
    assert(file && fputs(scenario, file) >= 0 && fclose(file) == 0);
    char *message = NULL;
    struct catalogue catalogue = {0};
    if (catalogue_load(&catalogue, path, &message)) {
        server = server_new(&options, &catalogue, &message);
    }
    unlink(path);
    rmdir(folder);
    if (!server) {
        fprintf(stderr, "%s\n", message);
        abort();
    }
    int error = gnutls_certificate_allocate_credentials(&credentials);
    assert(error >= 0);
    return atexit(stop);
}

static void turn_loop(void)
{
    ev_run(server->loop, EVRUN_NOWAIT);
}

/* ---- the client ---- */

struct client {
    int fd;
    gnutls_session_t session; /* NULL: no TLS */
};

static struct client connect_to(enum port port, struct run *run)
{
    static const enum transport_bit bits[PORTS] = {TRANSPORT_H1, TRANSPORT_H1S};
    int fds[2];
    struct sockaddr_storage peer = {.ss_family = AF_INET};
    int error = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds);
    assert(error == 0);
    struct conn_origin origin = {&peer, run, run ? run->transport : bits[port]};
    conn_new(server, fds[0], &origin);
    return (struct client){.fd = fds[1]};
}

static void shake_hands(struct client *client, bool offers_h2)
{
    gnutls_datum_t names[] = {{(unsigned char[]){'h', '2'}, 2},
                              {(unsigned char[]){'h', 't', 't', 'p', '/', '1', '.', '1'}, 8}};
    gnutls_init(&client->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);
    gnutls_set_default_priority(client->session);
    gnutls_credentials_set(client->session, GNUTLS_CRD_CERTIFICATE, credentials);
    gnutls_alpn_set_protocols(client->session, offers_h2 ? names : names + 1, offers_h2 ? 2 : 1, 0);
    gnutls_transport_set_int(client->session, client->fd);
    int error = GNUTLS_E_AGAIN;
    for (int round = 0; round < HANDSHAKE_ROUNDS && error != 0 && !gnutls_error_is_fatal(error);
         round++) {
        error = gnutls_handshake(client->session);
        turn_loop();
    }
    assert(error == 0 || offers_h2); /* a run of h1s takes no client that offers h2 alone */
}

/* What the server says is taken, so that it can go on. */
static void listen_to(struct client *client)
{
    char octets[16 * 1024];
    while (recv(client->fd, octets, sizeof octets, 0) > 0) {
    }
}

static void say(struct client *client, struct bytes octets, bool is_raw)
{
    if (octets.len == 0) {
        return;
    }
    if (client->session && !is_raw) {
        gnutls_record_send(client->session, octets.data, octets.len);
    } else {
        send(client->fd, octets.data, octets.len, MSG_NOSIGNAL);
    }
}

/* ---- the end ---- */

static void write_transcript(struct run *run)
{
    struct buf out = {0};
    struct transcript_writer *writer = transcript_writer_new(run, false, 1);
    while (!transcript_writer_some(writer, &out, 1)) {
    }
    transcript_writer_free(writer);
    assert(buf_len(&out) > 2 && out.data[out.start] == '{');
    buf_fini(&out);
}

/* Nothing outlives its input: connections end with the client, runs with their connections. */
static void clean_up(void)
{
    int64_t now_ns = clock_monotonic_ns();
    while (server->conns) {
        conn_die(server->conns, now_ns);
    }
    conn_reap(server);
    while (run_any(server->runs)) {
        write_transcript(run_any(server->runs));
        server_end_run(server, run_any(server->runs), now_ns);
        schedule_run_due(server->schedule, clock_monotonic_ns());
    }
    assert(server->conn_count == 0 && run_count(server->runs) == 0);
}

static struct run *make_run(enum port port)
{
    struct run_spec spec = {
        .scenario = server->catalogue.scenarios[0],
        .token = bytes_of_str("r1"),
        .transport = port == PORT_LEASED_TLS ? TRANSPORT_H1S : TRANSPORT_H1,
        .origin = clock_pair_read(),
        .by_hand = true,
    };
    enum run_error error;
    struct run *run = server_make_run(server, &spec, 60 * CLOCK_NS_PER_S, &error);
    assert(run);
    return run;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    enum port port = data[0] % PORTS;
    struct run *run = port >= PORT_LEASED ? make_run(port) : NULL;
    struct client client = connect_to(port, run);
    bool is_tls = port == PORT_SHARED_TLS || port == PORT_LEASED_TLS;
    if (is_tls && data[0] & HANDSHAKE) {
        shake_hands(&client, data[0] & OFFERS_H2);
    }
    for (size_t at = 1; at < size;) {
        size_t len = data[at] & ~RAW & 0xff;
        bool is_raw = data[at++] & RAW;
        len = len > size - at ? size - at : len;
        say(&client, bytes_of((const char *)data + at, len), is_raw);
        at += len;
        turn_loop();
        listen_to(&client);
    }
    shutdown(client.fd, SHUT_WR);
    for (int round = 0; round < LAST_ROUNDS; round++) {
        turn_loop();
        listen_to(&client);
    }
    if (client.session) {
        gnutls_deinit(client.session);
    }
    close(client.fd);
    clean_up();
    return 0;
}

/* SPDX-License-Identifier: MIT */
#include "control.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control_api.h"
#include "h1_request.h"
#include "h1_response.h"
#include "xmalloc.h"

enum { MAX_BODY = 64 * 1024, SLICE_OCTETS = 64 * 1024 };

enum control_state {
    CONTROL_READING,   /* a request, or idle between two */
    CONTROL_WAITING,   /* for a run to end */
    CONTROL_ANSWERING, /* octets, or a transcript, are on their way */
    CONTROL_DONE,      /* waits to be freed */
};

struct control_conn {
    struct control *control; /* borrowed */
    struct control_conn *prev, *next;
    struct h1_request *request; /* owned */
    ev_io io;
    int fd;                           /* owned */
    struct buf head;                  /* owned; of the request under way */
    struct buf body;                  /* owned */
    struct buf out;                   /* owned */
    struct transcript_writer *writer; /* owned; NULL: the answer is whole in `out` */
    struct run *waits_for;            /* borrowed; its waiter is this */
    enum control_state state;
    bool close_after;
};

struct control {
    struct server *server; /* borrowed */
    char *path;            /* owned */
    ev_io io;
    int fd;       /* owned */
    int reserve;  /* owned; given up for a caller when no descriptor is left, or -1 */
    dev_t device; /* of the socket file that is ours */
    ino_t inode;
    struct control_conn *conns; /* owned */
    bool has_done;
};

static const struct protocol_listener listener;

/* ---- the life of a connection ---- */

static void set_done(struct control_conn *conn)
{
    conn->state = CONTROL_DONE;
    conn->control->has_done = true;
    ev_io_stop(conn->control->server->loop, &conn->io);
    if (conn->waits_for) {
        conn->waits_for->waiter = NULL;
        conn->waits_for = NULL;
    }
}

static void free_conn(struct control_conn *conn)
{
    *(conn->prev ? &conn->prev->next : &conn->control->conns) = conn->next;
    if (conn->next) {
        conn->next->prev = conn->prev;
    }
    close(conn->fd);
    h1_request_free(conn->request);
    buf_fini(&conn->head);
    buf_fini(&conn->body);
    buf_fini(&conn->out);
    transcript_writer_free(conn->writer);
    free(conn);
}

static void open_reserve(struct control *control)
{
    if (control->reserve < 0) {
        control->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
}

void control_reap(struct control *control)
{
    if (!control->has_done) {
        return;
    }
    control->has_done = false;
    struct control_conn *next;
    for (struct control_conn *conn = control->conns; conn; conn = next) {
        next = conn->next;
        if (conn->state == CONTROL_DONE) {
            free_conn(conn);
        }
    }
    open_reserve(control);
    ev_io_start(control->server->loop, &control->io);
}

static void watch(struct control_conn *conn, int events)
{
    struct ev_loop *loop = conn->control->server->loop;
    if (ev_is_active(&conn->io) && (conn->io.events & (EV_READ | EV_WRITE)) == events) {
        return;
    }
    ev_io_stop(loop, &conn->io);
    ev_io_set(&conn->io, conn->fd, events);
    ev_io_start(loop, &conn->io);
}

/* ---- answering ---- */

/* The next part of a transcript, as one chunk. */
static void add_slice(struct control_conn *conn)
{
    struct buf slice = {0};
    bool whole = transcript_writer_some(conn->writer, &slice, SLICE_OCTETS);
    buf_printf(&conn->out, "%zx\r\n", buf_len(&slice));
    buf_append_bytes(&conn->out, buf_bytes(&slice));
    buf_append_str(&conn->out, "\r\n");
    buf_fini(&slice);
    if (whole) {
        buf_append_str(&conn->out, "0\r\n\r\n");
        transcript_writer_free(conn->writer);
        conn->writer = NULL;
    }
}

/* Writes what the socket takes, one slice at most; the rest when it is writable again. */
static void write_some(struct control_conn *conn)
{
    if (buf_len(&conn->out) == 0 && conn->writer) {
        add_slice(conn);
    }
    struct bytes out = buf_bytes(&conn->out);
    ssize_t n = out.len > 0 ? send(conn->fd, out.data, out.len, MSG_NOSIGNAL) : 0;
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        set_done(conn);
        return;
    }
    buf_consume(&conn->out, n > 0 ? (size_t)n : 0);
    if (buf_len(&conn->out) > 0 || conn->writer) {
        watch(conn, EV_WRITE);
        return;
    }
    if (conn->close_after) {
        set_done(conn);
        return;
    }
    conn->state = CONTROL_READING;
    watch(conn, EV_READ);
}

static void answer(struct control_conn *conn, int status, struct bytes content)
{
    h1_response_page(status, conn->close_after ? "Connection: close\r\n" : "", "application/json",
                     content, false, &conn->out);
    conn->state = CONTROL_ANSWERING;
    write_some(conn);
}

static void answer_with_transcript(struct control_conn *conn, struct run *run, bool complete)
{
    conn->writer = transcript_writer_new(run, complete, conn->control->server->options->pace);
    buf_append_str(&conn->out, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                               "Transfer-Encoding: chunked\r\n");
    buf_append_str(&conn->out, conn->close_after ? "Connection: close\r\n\r\n" : "\r\n");
    conn->state = CONTROL_ANSWERING;
    watch(conn, EV_WRITE);
}

void control_run_ended(struct run *run)
{
    struct control_conn *conn = run->waiter;
    assert(conn->waits_for == run && conn->state == CONTROL_WAITING);
    conn->waits_for = NULL;
    run->waiter = NULL;
    answer_with_transcript(conn, run, true);
}

static void act(struct control_conn *conn)
{
    struct server *server = conn->control->server;
    struct control_answer result = {0};
    control_api_call(server, buf_bytes(&conn->head), buf_bytes(&conn->body), &result);
    switch (result.what) {
    case CONTROL_ANSWER_JSON:
        answer(conn, result.status, buf_bytes(&result.content));
        break;
    case CONTROL_ANSWER_TRANSCRIPT:
        answer_with_transcript(conn, result.run, false);
        break;
    case CONTROL_ANSWER_WHEN_ENDED:
        conn->state = CONTROL_WAITING;
        conn->waits_for = result.run;
        result.run->waiter = conn;
        watch(conn, EV_READ);
        server_end_run(server, result.run, clock_monotonic_ns());
        break;
    }
    buf_fini(&result.content);
}

/* ---- reading ---- */

static void refuse(struct control_conn *conn, int status, const char *why)
{
    struct buf content = {0};
    control_api_error(&content, why);
    conn->close_after = true;
    h1_request_stop(conn->request);
    answer(conn, status, buf_bytes(&content));
    buf_fini(&content);
}

static void on_head(void *user, const struct request_head *head)
{
    struct control_conn *conn = user;
    if (conn->state != CONTROL_READING) {
        /* One request at a time keeps this small. */
        conn->close_after = true;
        h1_request_stop(conn->request);
        return;
    }
    buf_clear(&conn->head);
    buf_clear(&conn->body);
    buf_append_bytes(&conn->head, head->raw);
    conn->close_after = !head->keep_alive;
    struct bytes expect = h1_request_field(head->raw, "Expect");
    if (expect.len > 0) {
        buf_append_str(&conn->out, "HTTP/1.1 100 Continue\r\n\r\n");
    }
}

static void on_body(void *user, uint32_t stream, struct bytes content)
{
    (void)stream;
    struct control_conn *conn = user;
    if (conn->state != CONTROL_READING) {
        return;
    }
    if (buf_len(&conn->body) + content.len > MAX_BODY) {
        refuse(conn, 413, "the content is too long");
        return;
    }
    buf_append_bytes(&conn->body, content);
}

static void on_request_end(void *user, uint32_t stream)
{
    (void)stream;
    struct control_conn *conn = user;
    if (conn->state == CONTROL_READING) {
        act(conn);
    }
}

static void on_bad_request(void *user, const struct bad_request *bad)
{
    struct control_conn *conn = user;
    if (conn->state == CONTROL_READING) {
        refuse(conn, 400, bad->reason);
    }
}

static const struct protocol_listener listener = {
    .on_head = on_head,
    .on_body = on_body,
    .on_request_end = on_request_end,
    .on_bad_request = on_bad_request,
};

static void on_io(struct ev_loop *loop, ev_io *io, int revents)
{
    (void)loop;
    struct control_conn *conn = io->data;
    struct server *server = conn->control->server;
    schedule_run_due(server->schedule, clock_monotonic_ns());
    if (conn->state == CONTROL_DONE) {
        return;
    }
    if (revents & EV_WRITE) {
        write_some(conn);
        return;
    }
    ssize_t n = recv(conn->fd, server->read_buffer, SERVER_READ_OCTETS, 0);
    if (n > 0) {
        h1_request_receive(conn->request, bytes_of(server->read_buffer, (size_t)n));
        if (conn->state == CONTROL_READING && buf_len(&conn->out) > 0) {
            write_some(conn);
        }
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        set_done(conn);
    }
}

/* Clients may have taken every descriptor, and who could end their runs must still be heard. When
 * even the reserve is gone, accepting pauses until a caller leaves: the loop would spin. */
static int accept_with_reserve(struct control *control)
{
    int fd = -1;
    if (control->reserve >= 0) {
        close(control->reserve);
        control->reserve = -1;
        fd = accept4(control->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    }
    if (fd < 0) {
        ev_io_stop(control->server->loop, &control->io);
    }
    return fd;
}

static void on_accept(struct ev_loop *loop, ev_io *io, int revents)
{
    (void)revents;
    struct control *control = io->data;
    int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
        fd = accept_with_reserve(control);
    }
    if (fd < 0) {
        return;
    }
    struct control_conn *conn = xcalloc(1, sizeof *conn);
    conn->control = control;
    conn->fd = fd;
    conn->request = h1_request_new(&listener, conn);
    conn->next = control->conns;
    if (conn->next) {
        conn->next->prev = conn;
    }
    control->conns = conn;
    ev_io_init(&conn->io, on_io, fd, EV_READ);
    conn->io.data = conn;
    ev_io_start(loop, &conn->io);
}

/* ---- the socket ---- */

static char *message_of(const char *path, const char *what)
{
    struct buf text = {0};
    buf_printf(&text, "--control %s: %s", path, what);
    char *message = xmemdup0(text.data + text.start, buf_len(&text));
    buf_fini(&text);
    return message;
}

/* A socket whose server is gone stays behind as a file: such a one is removed. */
static bool make_room(const struct sockaddr_un *address, char **message)
{
    struct stat status;
    if (lstat(address->sun_path, &status) < 0) {
        return true;
    }
    if (!S_ISSOCK(status.st_mode)) {
        *message = message_of(address->sun_path, "exists and is no socket; give another path");
        return false;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool lives = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) == 0;
    lives = lives || errno == EAGAIN;
    if (fd >= 0) {
        close(fd);
    }
    if (lives) {
        *message = message_of(address->sun_path,
                              "another server listens there; stop it or give another path");
        return false;
    }
    unlink(address->sun_path);
    return true;
}

static int listen_at(const char *path, char **message)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        *message = message_of(path, "is too long for a socket; give a shorter path");
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (!make_room(&address, message)) {
        return -1;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    mode_t mask = umask(0077); /* only for who started the server */
    bool bound = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    umask(mask);
    if (!bound || listen(fd, 64) < 0) {
        *message = message_of(path, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

struct control *control_open(struct server *server, const char *path, char **message)
{
    int fd = listen_at(path, message);
    if (fd < 0) {
        return NULL;
    }
    struct control *control = xcalloc(1, sizeof *control);
    struct stat status;
    control->server = server;
    control->path = xstrdup(path);
    control->fd = fd;
    control->reserve = -1;
    open_reserve(control);
    if (lstat(path, &status) == 0) {
        control->device = status.st_dev;
        control->inode = status.st_ino;
    }
    ev_io_init(&control->io, on_accept, fd, EV_READ);
    control->io.data = control;
    ev_io_start(server->loop, &control->io);
    return control;
}

void control_close(struct control *control)
{
    if (!control) {
        return;
    }
    struct control_conn *next;
    for (struct control_conn *conn = control->conns; conn; conn = next) {
        next = conn->next;
        set_done(conn);
        free_conn(conn);
    }
    ev_io_stop(control->server->loop, &control->io);
    close(control->fd);
    if (control->reserve >= 0) {
        close(control->reserve);
    }
    struct stat status;
    if (lstat(control->path, &status) == 0 && status.st_dev == control->device &&
        status.st_ino == control->inode) {
        unlink(control->path);
    }
    free(control->path);
    free(control);
}

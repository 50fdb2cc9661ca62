/* SPDX-License-Identifier: MIT */
/* Runs one command and answers for every process that comes of it.
 *
 *     supervise [--control FD] [--report FD] [--fd TO=FROM]... -- command [argument]...
 *
 * --control FD  the other end belongs to whoever started us. End of file on it means: stop, all of it.
 *               Without the option standard input plays this part.
 * --report FD   gets one JSON object a line: {"event":"started"...}, {"event":"exit"...} when the
 *               main child has ended, {"event":"gone"...} when nothing of it is left.
 * --fd TO=FROM  the command finds FROM under the number TO; the number FROM itself is closed in it,
 *               and so are those of --control and --report.
 *
 * Why a program of its own: a process group does not hold a child that called setsid(). A subreaper
 * does: whatever loses its parent becomes our child, so "no child left" means what it says.
 * The exit status is that of the command, 128 + n for a signal, 127 when it could not be started.
 */
#include <assert.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_MOVES = 8,
    KILL_LIMIT_MS = 10000, /* a child in uninterruptible sleep does not keep us for ever */
    FIRST_FREE_FD = 64,    /* moved descriptors are parked above any number a command asks for */
};

struct move {
    int to;
    int from;
};

struct supervisor {
    int control_fd;
    int report_fd; /* -1: nobody listens */
    int signal_fd;
    struct move moves[MAX_MOVES];
    int move_count;
    char **command;
    sigset_t inherited_mask;
    pid_t main_pid;
    bool main_ended;
    int main_status; /* as waitpid gave it, once main_ended */
    int killed;      /* processes that had to be killed beside the main child */
};

static void usage(const char *problem)
{
    fprintf(stderr,
            "supervise: %s\n"
            "usage: supervise [--control FD] [--report FD] [--fd TO=FROM]... -- command [argument]...\n",
            problem);
    exit(4);
}

static int parse_fd(const char *text, const char **rest)
{
    char *end;
    long value;

    errno = 0;
    value = strtol(text, &end, 10);
    if (errno != 0 || end == text || value < 0 || value > 65535)
        usage("a file descriptor is a number from 0 to 65535");
    *rest = end;
    return (int)value;
}

static void parse_arguments(struct supervisor *s, int argc, char **argv)
{
    int i = 1;

    for (; i < argc && strcmp(argv[i], "--") != 0; i += 2) {
        const char *rest = "";

        if (i + 1 >= argc)
            usage("an option lacks its value, or `--` is missing");
        if (strcmp(argv[i], "--control") == 0) {
            s->control_fd = parse_fd(argv[i + 1], &rest);
        } else if (strcmp(argv[i], "--report") == 0) {
            s->report_fd = parse_fd(argv[i + 1], &rest);
        } else if (strcmp(argv[i], "--fd") == 0) {
            if (s->move_count == MAX_MOVES)
                usage("too many --fd");
            s->moves[s->move_count].to = parse_fd(argv[i + 1], &rest);
            if (*rest != '=')
                usage("--fd wants TO=FROM");
            s->moves[s->move_count].from = parse_fd(rest + 1, &rest);
            s->move_count++;
        } else {
            usage("unknown option");
        }
        if (*rest != '\0')
            usage("a file descriptor is a plain number");
    }
    if (i + 1 >= argc)
        usage("no command after `--`");
    s->command = argv + i + 1;
}

/* A report that cannot be delivered is no reason to leave processes behind: errors are dropped. */
static void report(const struct supervisor *s, const char *line)
{
    if (s->report_fd >= 0 && write(s->report_fd, line, strlen(line)) < 0)
        return;
}

static double cpu_ms_of_children(void)
{
    struct rusage use;

    getrusage(RUSAGE_CHILDREN, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1e3 +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e3;
}

static long long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* In the child, between fork and exec. */
static void become_command(const struct supervisor *s, int failure_fd, pid_t parent)
{
    struct rlimit none = {0, 0};
    int parked[MAX_MOVES];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127); /* the supervisor died before the line above */
    setrlimit(RLIMIT_CORE, &none);
    sigprocmask(SIG_SETMASK, &s->inherited_mask, NULL);
    signal(SIGPIPE, SIG_DFL);
    for (int i = 0; i < s->move_count; i++) {
        parked[i] = fcntl(s->moves[i].from, F_DUPFD_CLOEXEC, FIRST_FREE_FD);
        if (parked[i] < 0)
            goto failed;
    }
    for (int i = 0; i < s->move_count; i++) {
        if (dup2(parked[i], s->moves[i].to) < 0)
            goto failed;
    }
    execvp(s->command[0], s->command);
failed:
    if (write(failure_fd, &errno, sizeof errno) < 0)
        _exit(126);
    _exit(127);
}

static void close_on_exec(const struct supervisor *s)
{
    if (s->control_fd > 2)
        fcntl(s->control_fd, F_SETFD, FD_CLOEXEC);
    if (s->report_fd > 2)
        fcntl(s->report_fd, F_SETFD, FD_CLOEXEC);
    for (int i = 0; i < s->move_count; i++) {
        if (s->moves[i].from > 2)
            fcntl(s->moves[i].from, F_SETFD, FD_CLOEXEC);
    }
}

static bool start(struct supervisor *s)
{
    int failure[2];
    int problem = 0;
    char line[256];
    pid_t self = getpid();

    if (pipe2(failure, O_CLOEXEC) != 0) {
        perror("supervise: pipe");
        return false;
    }
    /* Out of the way of the numbers that --fd hands out. */
    int failure_write = fcntl(failure[1], F_DUPFD_CLOEXEC, FIRST_FREE_FD);
    close(failure[1]);
    close_on_exec(s);
    s->main_pid = fork();
    if (s->main_pid == 0)
        become_command(s, failure_write, self);
    close(failure_write);
    if (s->main_pid < 0)
        problem = errno;
    else if (read(failure[0], &problem, sizeof problem) != (ssize_t)sizeof problem)
        problem = 0;
    close(failure[0]);
    for (int i = 0; i < s->move_count; i++) {
        if (s->moves[i].from > 2)
            close(s->moves[i].from); /* else the reader of that pipe never sees its end */
    }
    if (problem != 0) {
        snprintf(line, sizeof line, "{\"event\":\"failed\",\"errno\":%d,\"message\":\"%s\"}\n",
                 problem, strerror(problem));
        report(s, line);
        fprintf(stderr, "supervise: %s: %s\n", s->command[0], strerror(problem));
        return false;
    }
    snprintf(line, sizeof line, "{\"event\":\"started\",\"pid\":%d}\n", (int)s->main_pid);
    report(s, line);
    return true;
}

static void report_exit(const struct supervisor *s)
{
    char line[160];

    if (WIFSIGNALED(s->main_status))
        snprintf(line, sizeof line,
                 "{\"event\":\"exit\",\"code\":null,\"signal\":%d,\"cpu_ms\":%.3f}\n",
                 WTERMSIG(s->main_status), cpu_ms_of_children());
    else
        snprintf(line, sizeof line,
                 "{\"event\":\"exit\",\"code\":%d,\"signal\":null,\"cpu_ms\":%.3f}\n",
                 WEXITSTATUS(s->main_status), cpu_ms_of_children());
    report(s, line);
}

/* Reaps what has ended. False when no child is left. */
static bool reap(struct supervisor *s)
{
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);

        if (pid == 0)
            return true;
        if (pid < 0 && errno == EINTR)
            continue;
        if (pid < 0)
            return false;
        if (pid == s->main_pid) {
            s->main_ended = true;
            s->main_status = status;
            report_exit(s);
        }
    }
}

/* The parent of a process, or -1. Field 4 of /proc/PID/stat; the name before it may hold anything. */
static pid_t parent_of(pid_t pid)
{
    char path[64], text[512];
    int fd;
    ssize_t got;
    char *after;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    got = read(fd, text, sizeof text - 1);
    close(fd);
    if (got <= 0)
        return -1;
    text[got] = '\0';
    after = strrchr(text, ')');
    if (after == NULL || strlen(after) < 4)
        return -1;
    return (pid_t)strtol(after + 4, NULL, 10);
}

static bool is_descendant(pid_t pid, pid_t ancestor)
{
    for (int depth = 0; depth < 64 && pid > 1; depth++) {
        pid = parent_of(pid);
        if (pid == ancestor)
            return true;
    }
    return false;
}

static int signal_descendants(int signal_number)
{
    pid_t self = getpid();
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    int count = 0;

    if (proc == NULL)
        return 0;
    while ((entry = readdir(proc)) != NULL) {
        pid_t pid;

        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid != self && is_descendant(pid, self) && kill(pid, signal_number) == 0)
            count++;
    }
    closedir(proc);
    return count;
}

/* Stops everything first, so that nothing forks away between two looks; then kills, until none is
 * left. What was a grandchild becomes our child when its parent dies, and is reaped here too. */
static bool kill_all(struct supervisor *s)
{
    long long until = now_ms() + KILL_LIMIT_MS;
    struct timespec pause = {0, 1000000};
    bool first = true;

    while (reap(s)) {
        int count;

        if (now_ms() > until)
            return false;
        signal_descendants(SIGSTOP);
        count = signal_descendants(SIGKILL);
        if (first)
            s->killed = count;
        first = false;
        nanosleep(&pause, NULL);
        if (pause.tv_nsec < 20000000)
            pause.tv_nsec *= 2;
    }
    return true;
}

/* Waits until the main child has ended or we are told to stop. */
static void watch(struct supervisor *s)
{
    struct pollfd fds[2] = {
        {.fd = s->signal_fd, .events = POLLIN},
        {.fd = s->control_fd, .events = POLLIN},
    };

    while (!s->main_ended) {
        char waste[256];

        if (poll(fds, 2, -1) < 0) {
            assert(errno == EINTR);
            continue;
        }
        if (fds[0].revents & POLLIN) {
            struct signalfd_siginfo info;

            if (read(s->signal_fd, &info, sizeof info) == (ssize_t)sizeof info &&
                info.ssi_signo != SIGCHLD)
                return;
            reap(s);
        }
        if (fds[1].revents != 0) {
            ssize_t got = read(s->control_fd, waste, sizeof waste);

            if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
                return;
        }
    }
}

int main(int argc, char **argv)
{
    struct supervisor s = {.control_fd = 0, .report_fd = -1};
    sigset_t watched;
    char line[128];
    bool all_gone;

    parse_arguments(&s, argc, argv);
    sigemptyset(&watched);
    sigaddset(&watched, SIGCHLD);
    sigaddset(&watched, SIGTERM);
    sigaddset(&watched, SIGINT);
    sigaddset(&watched, SIGHUP);
    sigprocmask(SIG_BLOCK, &watched, &s.inherited_mask);
    signal(SIGPIPE, SIG_IGN);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) {
        perror("supervise: PR_SET_CHILD_SUBREAPER");
        return 126;
    }
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    s.signal_fd = signalfd(-1, &watched, SFD_CLOEXEC);
    if (s.signal_fd < 0) {
        perror("supervise: signalfd");
        return 126;
    }
    if (!start(&s))
        return 127;
    watch(&s);
    all_gone = kill_all(&s);
    snprintf(line, sizeof line, "{\"event\":\"gone\",\"all\":%s,\"killed\":%d,\"cpu_ms\":%.3f}\n",
             all_gone ? "true" : "false", s.killed, cpu_ms_of_children());
    report(&s, line);
    if (!s.main_ended)
        return 126;
    return WIFSIGNALED(s.main_status) ? 128 + WTERMSIG(s.main_status) : WEXITSTATUS(s.main_status);
}

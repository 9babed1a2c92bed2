/*
 * Makes a known number of failing system calls: the oracle for counts per call and errno.
 *
 *   syscall_errors [--rounds N] [--threads N] [--short-lived N] [--children N]
 *
 * It prints "ready", waits for a line on stdin, makes the calls on all its threads (and on threads
 * and child processes started only now, which end at once), prints "COUNT CALL ERRNO" lines and
 * "done", and waits for the end of stdin. Nothing else that it does between "ready" and the end
 * fails. Every call is made by syscall(2), past the wrappers of the C library, and each result is
 * checked: a wrong one ends the program with 1, so the printed numbers are what really happened.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NOT_A_FD -1
#define ARG(x)	 ((long)(x))

/* What the calls are made on: prepared before "ready". */
static int empty_pipe[2], broken_pipe[2], full, folder, plain_socket, listener, pair[2], epoll;
static struct sockaddr_in closed_port, used_port;
static struct sockaddr_un no_such_unix;
static const struct timespec soon = {.tv_nsec = 1000000};
static const struct timespec wrong_time = {.tv_nsec = -1};
static int futex_word = 1;
static char byte;

struct row {
	const char *call;
	const char *error_name;
	int number;
	int error;
	int times; /* in each round */
	long args[6];
};

static struct row rows[64];
static int row_count;

static void die(const char *what)
{
	fprintf(stderr, "syscall_errors: %s: %s\n", what, strerror(errno));
	exit(1);
}

#define ADD(times_, call_, error_, ...)                          \
	(rows[row_count++] = (struct row){.call = #call_,        \
					  .error_name = #error_, \
					  .number = SYS_##call_, \
					  .error = error_,       \
					  .times = times_,       \
					  .args = {__VA_ARGS__}})

static void add_file_rows(void)
{
	ADD(3, openat, ENOENT, AT_FDCWD, ARG("/no/such/file"), O_RDONLY);
	ADD(1, openat, ENOTDIR, AT_FDCWD, ARG("/dev/null/x"), O_RDONLY);
	ADD(1, openat, EISDIR, AT_FDCWD, ARG("/"), O_WRONLY);
	ADD(2, newfstatat, ENOENT, AT_FDCWD, ARG("/no/such/file"), ARG(&rows), 0);
	ADD(2, close, EBADF, NOT_A_FD);
	ADD(1, read, EBADF, NOT_A_FD, ARG(&byte), 1);
	ADD(1, read, EISDIR, folder, ARG(&byte), 1);
	ADD(5, read, EAGAIN, empty_pipe[0], ARG(&byte), 1);
	ADD(1, read, EFAULT, full, 8, 1);
	ADD(2, write, ENOSPC, full, ARG(&byte), 1);
	ADD(1, write, EPIPE, broken_pipe[1], ARG(&byte), 1);
	ADD(1, mkdirat, EEXIST, AT_FDCWD, ARG("/dev"), 0700);
	ADD(1, unlinkat, ENOENT, AT_FDCWD, ARG("/no/such/file"), 0);
	ADD(1, ioctl, ENOTTY, empty_pipe[0], 0x5401);
	ADD(1, lseek, ESPIPE, empty_pipe[0], 0, SEEK_CUR);
	ADD(1, fcntl, EBADF, NOT_A_FD, F_GETFD);
	ADD(1, getxattr, ENODATA, ARG("/"), ARG("user.none"), 0, 0);
	ADD(1, readlinkat, EINVAL, AT_FDCWD, ARG("/"), ARG(&rows), 1);
}

static void add_socket_rows(void)
{
	ADD(2, connect, ENOENT, pair[0], ARG(&no_such_unix), sizeof(no_such_unix));
	ADD(1, bind, EADDRINUSE, plain_socket, ARG(&used_port), sizeof(used_port));
	ADD(2, accept4, EAGAIN, listener, 0, 0, 0);
	ADD(3, recvfrom, EAGAIN, pair[0], ARG(&byte), 1, MSG_DONTWAIT);
	ADD(1, sendto, EPIPE, listener, ARG(&byte), 1, MSG_NOSIGNAL, 0, 0);
	ADD(1, setsockopt, ENOPROTOOPT, plain_socket, SOL_SOCKET, 9999, ARG(&byte), 4);
	ADD(1, socket, EAFNOSUPPORT, 255, SOCK_STREAM, 0);
	ADD(1, getpeername, ENOTCONN, plain_socket, ARG(&rows), ARG(&futex_word));
	ADD(1, shutdown, ENOTCONN, plain_socket, SHUT_RDWR);
}

static void add_other_rows(void)
{
	ADD(2, futex, EAGAIN, ARG(&futex_word), FUTEX_WAIT_PRIVATE, 7, 0);
	ADD(1, futex, ETIMEDOUT, ARG(&futex_word), FUTEX_WAIT_PRIVATE, 1, ARG(&soon));
	ADD(1, kill, ESRCH, 0x3ffffff, 0);
	ADD(1, wait4, ECHILD, 0x3ffffff, 0, 0, 0);
	ADD(1, mmap, EINVAL, 0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ADD(1, munmap, EINVAL, 1, 4096);
	ADD(1, prctl, EINVAL, 9999, 0, 0, 0, 0);
	ADD(1, execve, ENOENT, ARG("/no/such/program"), 0, 0);
	ADD(1, clock_nanosleep, EINVAL, CLOCK_MONOTONIC, 0, ARG(&wrong_time), 0);
	ADD(1, epoll_ctl, ENOENT, epoll, EPOLL_CTL_DEL, empty_pipe[0], 0);
}

/* A real EINTR, from a timer: on x86 the return from its handler "returns" that EINTR once more. */
static void interrupted_wait(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};
	struct itimerspec often = {.it_value = soon, .it_interval = {.tv_nsec = 5000000}};
	struct epoll_event got;
	timer_t timer;

	event._sigev_un._tid = gettid();
	if (timer_create(CLOCK_MONOTONIC, &event, &timer))
		die("timer_create");
	timer_settime(timer, 0, &often, NULL);
	if (syscall(SYS_epoll_wait, epoll, &got, 1, -1) != -1 || errno != EINTR)
		die("epoll_wait was not interrupted");
	timer_delete(timer);
}

static void refused_connect(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (syscall(SYS_connect, fd, &closed_port, sizeof(closed_port)) != -1 ||
	    errno != ECONNREFUSED)
		die("connect was not refused");
	close(fd);
}

static void one_round(void)
{
	for (int r = 0; r < row_count; r++) {
		const struct row *row = &rows[r];
		const long *a = row->args;

		for (int i = 0; i < row->times; i++) {
			if (syscall(row->number, a[0], a[1], a[2], a[3], a[4], a[5]) != -1 ||
			    errno != row->error) {
				fprintf(stderr, "%s wanted %s, got %s\n", row->call,
					row->error_name, strerrorname_np(errno));
				exit(1);
			}
		}
	}
	refused_connect();
}

static void on_signal(int signal)
{
	(void)signal;
}

static void prepare(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	socklen_t size = sizeof(used_port);

	sigaction(SIGUSR1, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (pipe2(empty_pipe, O_NONBLOCK) || pipe(broken_pipe))
		die("pipe");
	close(broken_pipe[0]);
	full = open("/dev/full", O_RDWR);
	folder = open("/", O_RDONLY);
	epoll = epoll_create1(0);
	plain_socket = socket(AF_INET, SOCK_STREAM, 0);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	used_port.sin_family = AF_INET;
	used_port.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (full < 0 || folder < 0 || epoll < 0 || plain_socket < 0 || listener < 0 ||
	    bind(listener, (struct sockaddr *)&used_port, sizeof(used_port)) ||
	    listen(listener, 1) || getsockname(listener, (struct sockaddr *)&used_port, &size) ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		die("prepare");
	closed_port = used_port;
	closed_port.sin_port = htons(1); /* tcpmux: nobody serves it */
	no_such_unix.sun_family = AF_UNIX;
	strcpy(no_such_unix.sun_path, "/no/such/socket");
}

static int rounds = 10;

static void all_rounds(void)
{
	for (int i = 0; i < rounds; i++)
		one_round();
	interrupted_wait();
}

/* Threads meet at pipes: a barrier is futexes, and those fail with EAGAIN when they race. */
static int go_pipe[2], done_pipe[2], end_pipe[2];

static void take_byte(int fd)
{
	char taken;

	if (read(fd, &taken, 1) < 0)
		die("read");
}

static void give_bytes(int fd, int count)
{
	for (int i = 0; i < count; i++)
		if (write(fd, &byte, 1) != 1)
			die("write");
}

static void *waiting_thread(void *arg)
{
	take_byte(go_pipe[0]);
	all_rounds();
	give_bytes(done_pipe[1], 1);
	take_byte(end_pipe[0]); /* lives until the process ends */
	return arg;
}

static void *short_thread(void *arg)
{
	all_rounds();
	give_bytes(done_pipe[1], 1);
	return arg;
}

static void start_thread(void *(*body)(void *))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, body, NULL) || pthread_detach(thread))
		die("pthread_create");
}

static void run_children(int children)
{
	for (int i = 0; i < children; i++) {
		pid_t child = fork();
		int status = 0;

		if (child == 0) {
			all_rounds();
			_exit(0);
		}
		if (child < 0 || waitpid(child, &status, 0) != child || status)
			die("child");
	}
}

static void print_counts(long runs)
{
	for (int r = 0; r < row_count; r++)
		printf("%ld %s %s\n", runs * rounds * rows[r].times, rows[r].call,
		       rows[r].error_name);
	printf("%ld connect ECONNREFUSED\n", runs * rounds);
	printf("%ld epoll_wait EINTR\n", runs);
}

int main(int argc, char **argv)
{
	int threads = 2, short_lived = 0, children = 0;
	char line[16];

	for (int i = 1; i + 1 < argc; i += 2) {
		int value = atoi(argv[i + 1]);

		if (!strcmp(argv[i], "--rounds"))
			rounds = value;
		else if (!strcmp(argv[i], "--threads"))
			threads = value;
		else if (!strcmp(argv[i], "--short-lived"))
			short_lived = value;
		else if (!strcmp(argv[i], "--children"))
			children = value;
		else
			return 2;
	}
	prepare();
	add_file_rows();
	add_socket_rows();
	add_other_rows();
	if (pipe(go_pipe) || pipe(done_pipe) || pipe(end_pipe))
		die("pipe");
	for (int i = 0; i < threads; i++)
		start_thread(waiting_thread);
	printf("ready\n");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	give_bytes(go_pipe[1], threads);
	for (int i = 0; i < threads; i++)
		take_byte(done_pipe[0]);
	for (int i = 0; i < short_lived; i++) {
		start_thread(short_thread);
		take_byte(done_pipe[0]);
	}
	run_children(children);
	print_counts(threads + short_lived + children);
	printf("done\n");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		;
	_exit(0);
}

/*
 * An HTTP server whose sockets are touched by io_uring only: accept, recv and send are ring entries,
 * so no tracer sees a system call for them. One thread, keep-alive, pipelining, one fixed answer.
 *
 *   uring_server [--mode plain|multishot|sqpoll] [--size BYTES]     prints "listening 127.0.0.1:PORT"
 *
 * multishot: one accept entry serves all connections. sqpoll: a kernel thread takes the entries, the
 * program makes no system call to submit them. At SIGTERM it prints its own count:
 * "requests=N bytes_in=N bytes_out=N".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <liburing.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RING_ENTRIES 4096
#define MAX_FDS	     4096
#define IN_SIZE	     4096
#define BATCH	     64 /* answers in one send */

enum op {
	OP_ACCEPT,
	OP_RECV,
	OP_SEND
};

struct conn {
	char in[IN_SIZE];
	size_t filled;
	size_t out_size; /* of the answers that are being sent */
	size_t out_sent;
};

static struct io_uring ring;
static struct conn *conns[MAX_FDS];
static char *answers; /* BATCH times the same answer */
static size_t answer_size;
static int listener;
static int multishot;
static unsigned long requests, bytes_in, bytes_out;
static volatile sig_atomic_t stopped;

static void die(const char *what, int error)
{
	fprintf(stderr, "uring_server: %s: %s\n", what, strerror(error));
	exit(1);
}

static void on_term(int signal)
{
	(void)signal;
	stopped = 1;
}

static struct io_uring_sqe *entry(void)
{
	struct io_uring_sqe *sqe;

	while (!(sqe = io_uring_get_sqe(&ring)))
		io_uring_submit(&ring);
	return sqe;
}

/* Some versions of liburing's prep helpers reset user_data: the tag is written after them. */
static void tag(struct io_uring_sqe *sqe, enum op op, int fd)
{
	io_uring_sqe_set_data64(sqe, (unsigned long long)op << 32 | (unsigned)fd);
}

static void want_accept(void)
{
	struct io_uring_sqe *sqe = entry();

	if (multishot)
		io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, SOCK_CLOEXEC);
	else
		io_uring_prep_accept(sqe, listener, NULL, NULL, SOCK_CLOEXEC);
	tag(sqe, OP_ACCEPT, listener);
}

static void want_recv(int fd)
{
	struct conn *conn = conns[fd];
	struct io_uring_sqe *sqe = entry();

	io_uring_prep_recv(sqe, fd, conn->in + conn->filled, IN_SIZE - conn->filled, 0);
	tag(sqe, OP_RECV, fd);
}

static void want_send(int fd)
{
	struct conn *conn = conns[fd];
	struct io_uring_sqe *sqe = entry();

	io_uring_prep_send(sqe, fd, answers + conn->out_sent, conn->out_size - conn->out_sent,
			   MSG_NOSIGNAL);
	tag(sqe, OP_SEND, fd);
}

static void drop(int fd)
{
	free(conns[fd]);
	conns[fd] = NULL;
	close(fd);
}

static void on_accept(int fd, unsigned flags)
{
	if (!multishot || !(flags & IORING_CQE_F_MORE))
		want_accept();
	if (fd < 0)
		return;
	if (fd >= MAX_FDS) {
		close(fd);
		return;
	}
	conns[fd] = calloc(1, sizeof(struct conn));
	if (!conns[fd])
		die("calloc", ENOMEM);
	want_recv(fd);
}

/* Takes whole requests (heads only) out of the buffer; the rest waits for the next recv. */
static size_t take_requests(struct conn *conn)
{
	size_t taken = 0;
	char *end;

	while (taken < BATCH && (end = memmem(conn->in, conn->filled, "\r\n\r\n", 4))) {
		size_t size = (size_t)(end - conn->in) + 4;

		memmove(conn->in, conn->in + size, conn->filled - size);
		conn->filled -= size;
		taken++;
	}
	return taken;
}

static void answer_or_read(int fd)
{
	struct conn *conn = conns[fd];
	size_t taken = take_requests(conn);

	requests += taken;
	conn->out_sent = 0;
	conn->out_size = taken * answer_size;
	if (taken)
		want_send(fd);
	else if (conn->filled == IN_SIZE)
		drop(fd);
	else
		want_recv(fd);
}

static void on_recv(int fd, int size)
{
	if (size <= 0) {
		drop(fd);
		return;
	}
	bytes_in += (unsigned long)size;
	conns[fd]->filled += (size_t)size;
	answer_or_read(fd);
}

static void on_send(int fd, int size)
{
	struct conn *conn = conns[fd];

	if (size <= 0) {
		drop(fd);
		return;
	}
	bytes_out += (unsigned long)size;
	conn->out_sent += (size_t)size;
	if (conn->out_sent < conn->out_size)
		want_send(fd);
	else
		answer_or_read(fd);
}

static void on_completion(struct io_uring_cqe *cqe)
{
	int fd = (int)(cqe->user_data & 0xffffffff);

	switch (cqe->user_data >> 32) {
	case OP_ACCEPT:
		on_accept(cqe->res, cqe->flags);
		break;
	case OP_RECV:
		on_recv(fd, cqe->res);
		break;
	case OP_SEND:
		on_send(fd, cqe->res);
		break;
	}
}

static void make_answers(size_t size)
{
	char head[128];
	int head_size = snprintf(head, sizeof(head),
				 "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", size);

	answer_size = (size_t)head_size + size;
	answers = malloc(BATCH * answer_size);
	if (!answers)
		die("malloc", ENOMEM);
	for (int i = 0; i < BATCH; i++) {
		memcpy(answers + (size_t)i * answer_size, head, (size_t)head_size);
		memset(answers + (size_t)i * answer_size + head_size, 'u', size);
	}
}

static void listen_here(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t size = sizeof(at);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof(at)) ||
	    listen(listener, 1024) || getsockname(listener, (struct sockaddr *)&at, &size))
		die("listen", errno);
	printf("listening 127.0.0.1:%d\n", ntohs(at.sin_port));
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_term}; /* no SA_RESTART: the wait must end */
	struct io_uring_params params = {0};
	size_t size = 600;
	int error;

	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--size"))
			size = strtoul(argv[i + 1], NULL, 10);
		else if (!strcmp(argv[i], "--mode") && !strcmp(argv[i + 1], "multishot"))
			multishot = 1;
		else if (!strcmp(argv[i], "--mode") && !strcmp(argv[i + 1], "sqpoll"))
			params.flags |= IORING_SETUP_SQPOLL;
		else if (strcmp(argv[i], "--mode") || strcmp(argv[i + 1], "plain"))
			die(argv[i], EINVAL);
	}
	params.sq_thread_idle = 50;
	error = -io_uring_queue_init_params(RING_ENTRIES, &ring, &params);
	if (error)
		die("io_uring_setup", error);
	make_answers(size);
	listen_here();
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	want_accept();
	while (!stopped) {
		struct io_uring_cqe *cqe;
		unsigned head, count = 0;

		error = -io_uring_submit_and_wait(&ring, 1);
		if (error > 0 && error != EINTR)
			die("io_uring_enter", error);
		io_uring_for_each_cqe(&ring, head, cqe)
		{
			on_completion(cqe);
			count++;
		}
		io_uring_cq_advance(&ring, count);
	}
	printf("requests=%lu bytes_in=%lu bytes_out=%lu\n", requests, bytes_in, bytes_out);
	return 0;
}

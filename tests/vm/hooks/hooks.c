/* Loads, attaches and fires each hook of rows.h on its own: hooks OBJECT SERIES (for example 6.12).
 * A line for each: right if it works exactly where rows.h says. It knows nothing of the product's hooks.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "rows.h"

struct row {
	const char *name;
	const char *section;
	int since;
	int until;
};

static const struct row kRows[] = {
#define ROW(name, section, since, until) {#name, section, since, until},
	HOOKS(ROW)
#undef ROW
};

/* One byte each way over a connected pair, a page by sendfile and a byte by splice. */
static void exchange(int client, int server)
{
	char buffer[8192];
	int pipes[2];
	int file = open("/proc/self/exe", O_RDONLY);

	if (write(client, "x", 1) != 1 || read(server, buffer, sizeof(buffer)) != 1)
		perror("hooks: write and read");
	if (sendfile(client, file, NULL, 4096) != 4096 ||
	    recv(server, buffer, 4096, MSG_WAITALL) != 4096)
		perror("hooks: sendfile");
	if (pipe(pipes) || send(client, "y", 1, 0) != 1 ||
	    splice(server, NULL, pipes[1], NULL, 1, 0) != 1)
		perror("hooks: splice");
	close(pipes[0]);
	close(pipes[1]);
	close(file);
}

/* A connection over TCP of the given family: set up, used, closed. */
static void tcp_traffic(int family)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct sockaddr *address = family == AF_INET ? (void *)&v4 : (void *)&v6;
	socklen_t size = family == AF_INET ? sizeof(v4) : sizeof(v6);
	int listener = socket(family, SOCK_STREAM, 0);
	int client = socket(family, SOCK_STREAM, 0);
	int server;

	if (bind(listener, address, size) || listen(listener, 1) ||
	    getsockname(listener, address, &size) || connect(client, address, size)) {
		perror("hooks: loopback connection");
		exit(1);
	}
	server = accept(listener, NULL, NULL);
	exchange(client, server);
	close(client);
	close(server);
	close(listener);
}

static void traffic(void)
{
	int pair[2];

	tcp_traffic(AF_INET);
	tcp_traffic(AF_INET6);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) {
		perror("hooks: socketpair");
		exit(1);
	}
	exchange(pair[0], pair[1]);
	close(pair[0]);
	close(pair[1]);
	usleep(1000); /* so that this thread is switched away from and woken at least once */
}

/* Hits of the one hook that is loaded; negative if it could not be loaded or attached. */
static long long try_hook(const char *path, size_t index, const char **why)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_program *program = NULL;
	struct bpf_link *link = NULL;
	__u64 hits[HOOK_COUNT] = {0};
	long long result = -1;
	__u32 zero = 0;

	*why = "open";
	if (object)
		program = bpf_object__find_program_by_name(object, kRows[index].name);
	if (!program)
		goto out;
	bpf_program__set_autoload(program, true);
	*why = "load";
	if (bpf_object__load(object))
		goto out;
	*why = "attach";
	link = bpf_program__attach(program);
	if (!link)
		goto out;
	traffic();
	*why = "read its counter";
	if (!bpf_map_lookup_elem(bpf_object__find_map_fd_by_name(object, ".bss"), &zero, hits))
		result = (long long)hits[index];
out:
	bpf_link__destroy(link);
	bpf_object__close(object);
	return result;
}

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_WARN && getenv("HOOKS_DEBUG") ? vfprintf(stderr, format, args) : 0;
}

int main(int argc, char **argv)
{
	int major, minor;

	if (argc != 3 || sscanf(argv[2], "%d.%d", &major, &minor) != 2) {
		fprintf(stderr, "hooks OBJECT SERIES\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF,
		0); /* what was found is not lost if a hook takes the guest down */
	libbpf_set_print(quiet);
	for (size_t i = 0; i < HOOK_COUNT; i++) {
		int series = major * 1000 + minor;
		int want = series >= kRows[i].since && (!kRows[i].until || series < kRows[i].until);
		const char *why = "";
		long long hits = try_hook(argv[1], i, &why);

		if (hits > 0)
			printf("%s %s attaches and fires%s\n", want ? "ok" : "FAIL",
			       kRows[i].section, want ? "" : ", which was not expected here");
		else if (hits == 0)
			printf("FAIL %s attaches but never fires\n", kRows[i].section);
		else
			printf("%s %s does not %s%s\n", want ? "FAIL" : "ok", kRows[i].section, why,
			       want ? "" : ", as expected");
	}
	return 0;
}

// The outside: the run's main process, once the walls stand. It has the pid
// that the shim knows, sets the command's limits, passes signals on, and ends as
// the command has ended.
//
//	@hold SOCKET PID init|exec|enter DIR NAME [RESOURCE:SOFT:HARD:asked|default]…
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wire.h"

enum { EXIT_SYSTEM = 111, GRACE_MS = 1000 };

static int sock, inner_is_init, entered;
static pid_t inner;
static const char *dir;

// unstarted puts the sentence into the run's directory, and ends. Who enters
// has no run to speak of, and a person in front.
static void unstarted(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
static void unstarted(const char *format, ...) {
	char path[PATH_MAX];
	va_list args;
	int fd = 2;
	if (!entered) {
		snprintf(path, sizeof path, "%s/unstarted", dir);
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640);
	}
	kill(inner, SIGKILL);
	if (entered)
		dprintf(fd, "dewar-container: ");
	va_start(args, format);
	vdprintf(fd, format, args);
	va_end(args);
	if (entered)
		dprintf(fd, "\n");
	_exit(EXIT_SYSTEM);
}

// end ends us as the command has ended.
static void end(int status) __attribute__((noreturn));
static void end(int status) {
	if (WIFEXITED(status))
		_exit(WEXITSTATUS(status));
	prctl(PR_SET_DUMPABLE, 0); // a core of ours says nothing about the command
	dewar_default_signals();
	raise(WTERMSIG(status));
	raise(SIGKILL); // impossible: it ended by that signal, which is none that we survive
	_exit(EXIT_SYSTEM);
}

// limit sets a limit on the command, before it is one. Where root may not do
// that for another user (a container without CAP_SYS_RESOURCE), the inner
// program does it itself, as far as it may.
static void limit(const char *text) {
	int resource;
	char who[8];
	struct word w = {.kind = WORD_LIMIT};
	if (sscanf(text, "%d:%llu:%llu:%7s", &resource, &w.soft, &w.hard, who) != 4)
		unstarted("set the limits of the command: %s is none", text);
	struct rlimit64 new = {w.soft, w.hard};
	if (prlimit64(inner, resource, &new, NULL) == 0)
		return;
	int err = errno;
	w.value = strcmp(who, "default") == 0 ? -1 - resource : resource;
	if (err == EPERM && send(sock, &w, sizeof w, MSG_NOSIGNAL) == sizeof w && dewar_hear(sock, &w) && w.kind == WORD_LIMIT) {
		if (w.value == 0)
			return;
		err = w.value;
	}
	unstarted("set limit %d of the command to %llu, %llu: %s", resource, (unsigned long long)new.rlim_cur, (unsigned long long)new.rlim_max, strerror(err));
}

static void expect(int kind) {
	struct word w;
	int status = 0;
	if (dewar_hear(sock, &w) && w.kind == kind)
		return;
	kill(inner, SIGKILL);
	if (waitpid(inner, &status, 0) == inner && WIFEXITED(status))
		unstarted("start the command behind its walls: its init ended with exit status %d", WEXITSTATUS(status));
	unstarted("start the command behind its walls: its init was killed by signal %d", WTERMSIG(status));
}

static void begin(int limits, char **limit_args) {
	expect(WORD_HELLO);
	for (int i = 0; i < limits; i++)
		limit(limit_args[i]);
	dewar_say(sock, WORD_ARM, 0);
	expect(WORD_ARMED);
	if (!entered) {
		char path[PATH_MAX];
		snprintf(path, sizeof path, "%s/unstarted", dir);
		if (unlink(path) != 0 && errno != ENOENT)
			unstarted("remove %s: %s", path, strerror(errno));
	}
	dewar_say(sock, WORD_GO, 0);
}

// to_all says that a signal was sent to everything of the run, and so is not to
// be passed on: the shim, or its brain, signals all of a run process by process
// with kill(2). What is for the main process alone the shim queues.
static int to_all(const struct signalfd_siginfo *s) {
	if (entered || s->ssi_code != SI_USER)
		return 0;
	int shim = getppid(), parent = 0;
	if ((int)s->ssi_pid == shim)
		return 1;
	char path[64], line[512] = "";
	snprintf(path, sizeof path, "/proc/%u/stat", s->ssi_pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof line - 1);
	if (fd >= 0)
		close(fd);
	char *after = n > 0 ? strrchr(line, ')') : NULL;
	return after && sscanf(after, ") %*c %d", &parent) == 1 && parent == shim;
}

static void pass_on(const struct signalfd_siginfo *s) {
	if (s->ssi_signo == SIGCHLD || to_all(s))
		return;
	if (inner_is_init)
		dewar_say(sock, WORD_SIGNAL, (int)s->ssi_signo);
	else
		kill(inner, (int)s->ssi_signo);
}

// children signals our children, which are what the command has left behind.
static int children(int sig) {
	char path[64], list[4096] = "";
	snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, list, sizeof list - 1) <= 0)
		list[0] = 0;
	if (fd >= 0)
		close(fd);
	int n = 0;
	for (char *next, *at = list; (next = strchr(at, ' ')); at = next + 1, n++) {
		kill(atoi(at), sig);
		kill(atoi(at), SIGCONT);
	}
	return n;
}

// drain does for a command without a pid namespace what the end of one does.
// Who does not die of KILL is not waited for: the shim names him.
static void drain(int signals) {
	long long end = dewar_now_ms() + GRACE_MS;
	for (int sig = SIGTERM; children(sig) > 0;) {
		struct pollfd p = {signals, POLLIN, 0};
		struct signalfd_siginfo info;
		long long left = end - dewar_now_ms();
		if (left <= -GRACE_MS)
			return;
		if (left <= 0)
			sig = SIGKILL;
		if (poll(&p, 1, left > 0 ? (int)left : 10) > 0 && read(signals, &info, sizeof info) < 0)
			return;
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}

// The command's end, as its wait status; -1: not yet.
static int reaped(int *reported, int signals) {
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == inner) {
			if (!inner_is_init) {
				if (!entered)
					drain(signals);
				return status;
			}
			if (*reported >= 0)
				return *reported;
			return WIFSIGNALED(status) ? status : SIGKILL; // no exit status is invented
		}
	return -1;
}

static void hear(int *reported, const char *name, struct pollfd *p) {
	struct word w;
	if (!dewar_hear(sock, &w)) {
		p->fd = -1; // the command has been executed, or everything inside has ended
		return;
	}
	if (w.kind == WORD_STATUS)
		*reported = w.value;
	if (w.kind == WORD_NOEXEC)
		unstarted("execute \"%s\": %s", name, strerror(w.value));
	if (w.kind == WORD_NOFORK)
		unstarted("start the command behind its walls: fork: %s", strerror(w.value));
}

void dewar_hold(int argc, char **argv) {
	if (argc < 7)
		_exit(EXIT_SYSTEM);
	sock = atoi(argv[2]);
	inner = atoi(argv[3]);
	inner_is_init = strcmp(argv[4], "init") == 0;
	entered = strcmp(argv[4], "enter") == 0;
	dir = argv[5];
	if (!entered) {
		dup2(0, 1); // the logs are the command's
		dup2(0, 2);
	}
	if (!inner_is_init)
		prctl(PR_SET_CHILD_SUBREAPER, 1);
	fcntl(sock, F_SETFD, FD_CLOEXEC);
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	int signals = signalfd(-1, &all, SFD_CLOEXEC);
	if (signals < 0)
		unstarted("watch for signals: %s", strerror(errno));
	begin(argc - 7, argv + 7);

	// Once the command has ended its init has this long: the kernel lets it end
	// only when everything inside has died, which may be never.
	long long patience = -1;
	int reported = -1, status;
	struct pollfd p[2] = {{signals, POLLIN, 0}, {sock, POLLIN, 0}};
	for (;;) {
		struct signalfd_siginfo info;
		if (reported >= 0 && patience < 0)
			patience = dewar_now_ms() + 2 * GRACE_MS;
		long long left = patience < 0 ? -1 : patience - dewar_now_ms();
		if (patience >= 0 && left <= 0)
			end(reported);
		if (poll(p, 2, (int)left) < 0)
			continue;
		if (p[1].revents) // first: a report comes before its sender's end
			hear(&reported, argv[6], &p[1]);
		else if (p[0].revents && read(signals, &info, sizeof info) == sizeof info)
			pass_on(&info);
		if (p[1].fd < 0 || !p[1].revents)
			if ((status = reaped(&reported, signals)) >= 0)
				end(status);
	}
}

// The inside: started by the library behind the walls, with the user's ids,
// capabilities and filter. It becomes the command (@exec), or is the init of a
// pid namespace (@init), which starts the command, passes signals on to it,
// reaps, and reports its end.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wire.h"

// How long what the command leaves behind has between TERM and the end of the
// namespace; the shim gives the same to a session.
enum { GRACE_MS = 1000 };

static void command(char **argv) __attribute__((noreturn));
static void command(char **argv) {
	dewar_default_signals();
	execvp(argv[0], argv);
	int err = errno;
	dewar_say(INSIDE_SOCKET, WORD_NOEXEC, err);
	_exit(127);
}

// place puts the descriptors where the command expects them. The socket alone
// stays open, until the execve. A terminal that is nobody's becomes ours: the
// library has made a session of us.
static int place(void) {
	close(INSIDE_SELF);
	if (dup2(INSIDE_STDOUT, 1) < 0 || dup2(INSIDE_STDERR, 2) < 0)
		return 0;
	close(INSIDE_STDOUT);
	close(INSIDE_STDERR);
	if (isatty(0))
		ioctl(0, TIOCSCTTY, 0); // not ours to have: then there is no job control
	return fcntl(INSIDE_SOCKET, F_SETFD, FD_CLOEXEC) == 0;
}

// drain asks everything else in the namespace to end.
static void drain(int children) {
	kill(-1, SIGTERM);
	kill(-1, SIGCONT);
	for (long long end = dewar_now_ms() + GRACE_MS;;) {
		pid_t pid;
		do
			pid = waitpid(-1, NULL, WNOHANG);
		while (pid > 0 || (pid < 0 && errno == EINTR));
		long long left = end - dewar_now_ms();
		if (pid < 0 || left <= 0)
			return;
		struct pollfd p = {children, POLLIN, 0};
		struct signalfd_siginfo info;
		if (poll(&p, 1, (int)left) > 0 && read(children, &info, sizeof info) < 0)
			return;
	}
}

// reap waits for everybody, and says when the command has ended.
static int reap(pid_t main) {
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == main) {
			dewar_say(INSIDE_SOCKET, WORD_STATUS, status);
			return 1;
		}
	return 0;
}

static void init(char **argv) __attribute__((noreturn));
static void init(char **argv) {
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	int children = signalfd(-1, &set, SFD_CLOEXEC);
	pid_t main = fork();
	if (children < 0 || main < 0) {
		dewar_say(INSIDE_SOCKET, WORD_NOFORK, errno);
		_exit(127);
	}
	if (main == 0) {
		setsid();
		command(argv);
	}
	struct pollfd p[2] = {{children, POLLIN, 0}, {INSIDE_SOCKET, POLLIN, 0}};
	while (!reap(main)) {
		struct signalfd_siginfo info;
		struct word w;
		if (poll(p, 2, -1) < 0)
			continue;
		if (p[0].revents && read(children, &info, sizeof info) < 0)
			_exit(127);
		if (p[1].revents) {
			if (!dewar_hear(INSIDE_SOCKET, &w))
				_exit(127); // who held our place is gone
			if (w.kind == WORD_SIGNAL)
				kill(main, w.value);
		}
	}
	drain(children);
	_exit(0);
}

// limit answers the errno of a limit that we set on ourselves.
static int limit(const struct word *w) {
	int resource = w->value < 0 ? -1 - w->value : w->value;
	struct rlimit64 old, new = {w->soft, w->hard};
	if (w->value < 0 && prlimit64(0, resource, NULL, &old) == 0) {
		if (new.rlim_max > old.rlim_max)
			new.rlim_max = old.rlim_max;
		if (new.rlim_cur > new.rlim_max)
			new.rlim_cur = new.rlim_max;
	}
	return prlimit64(0, resource, &new, NULL) == 0 ? 0 : errno;
}

void dewar_payload(int argc, char **argv) {
	struct word w;
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	if (argc < 3 || !place() || !dewar_say(INSIDE_SOCKET, WORD_HELLO, 0))
		_exit(127);
	do {
		if (!dewar_hear(INSIDE_SOCKET, &w))
			_exit(127);
		if (w.kind == WORD_LIMIT)
			dewar_say(INSIDE_SOCKET, WORD_LIMIT, limit(&w));
	} while (w.kind == WORD_LIMIT);
	if (w.kind != WORD_ARM)
		_exit(127);
	// The ids have their last values, and whoever holds our place has one thread:
	// nothing clears this, or sends it too early. Had he gone meanwhile, no GO comes.
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || !dewar_say(INSIDE_SOCKET, WORD_ARMED, 0) || !dewar_hear(INSIDE_SOCKET, &w) || w.kind != WORD_GO)
		_exit(127);
	if (strcmp(argv[1], "@exec") == 0)
		command(argv + 2);
	init(argv + 2);
}

// Before the Go runtime, with one thread: what dewar-container is to be this
// time. Two of its forms are C alone, because they stay as long as the run
// does, and a Go program would cost each run megabytes.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "wire.h"

#ifndef __GLIBC__
#error "dewar-container reads its arguments in a constructor, which needs glibc"
#endif

int dewar_start_errno;

int dewar_say(int sock, int kind, int value) {
	struct word w = {kind, value, 0, 0};
	ssize_t n;
	do
		n = send(sock, &w, sizeof w, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n == sizeof w;
}

int dewar_hear(int sock, struct word *w) {
	ssize_t n;
	do
		n = recv(sock, w, sizeof *w, 0);
	while (n < 0 && errno == EINTR);
	return n == sizeof *w;
}

void dewar_default_signals(void) {
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL); // KILL, STOP and libc's own refuse, and are as they should be
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

long long dewar_now_ms(void) {
	struct timespec t;
	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

// A mount namespace of our own: whatever is mounted in it goes with us and with
// the run, and nobody outside ever sees it.
static int own_mounts(void) {
	return unshare(CLONE_NEWNS) == 0 && mount("", "/", NULL, MS_REC | MS_SLAVE, NULL) == 0;
}

// The run's stdout and stderr are kept for the command. What a dying runtime of
// ours would print goes where the sentence about it is.
static int keep_output(const char *dir) {
	char path[PATH_MAX];
	if (fcntl(1, F_DUPFD_CLOEXEC, KEPT_STDOUT) != KEPT_STDOUT || fcntl(2, F_DUPFD_CLOEXEC, KEPT_STDERR) != KEPT_STDERR)
		return 0;
	if (snprintf(path, sizeof path, "%s/unstarted", dir) >= (int)sizeof path) {
		errno = ENAMETOOLONG;
		return 0;
	}
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
	return fd >= 0 && dup2(fd, 2) == 2 && dup2(fd, 1) == 1;
}

__attribute__((constructor)) static void start(int argc, char **argv, char **envp) {
	(void)envp;
	if (argc < 2)
		return;
	if (strcmp(argv[1], "@hold") == 0)
		dewar_hold(argc, argv);
	if (strcmp(argv[1], "@init") == 0 || strcmp(argv[1], "@exec") == 0)
		dewar_payload(argc, argv);
	if (strcmp(argv[1], "run") == 0 && argc == 3) {
		if (!keep_output(argv[2]) || !own_mounts())
			dewar_start_errno = errno;
	} else if (strcmp(argv[1], "enter") == 0) {
		if (!own_mounts())
			dewar_start_errno = errno;
	}
}

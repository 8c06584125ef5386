// What the two small C programs inside of dewar-container say to each other,
// over a pair of seqpacket sockets: the one that holds the run's place outside
// (hold.c), and the one that starts the user's command inside (payload.c).
#ifndef DEWAR_WIRE_H
#define DEWAR_WIRE_H

enum {
	WORD_HELLO = 'H',  // inside: the libraries' work is done, and I am not yet the command
	WORD_LIMIT = 'L',  // outside: set this limit on yourself, which I may not; inside: the errno
	WORD_ARM = 'A',    // outside: your limits are set; die with me from now on
	WORD_ARMED = 'B',  // inside: I will
	WORD_GO = 'G',     // outside: the run counts as started
	WORD_SIGNAL = 'K', // outside: deliver this signal to the command
	WORD_STATUS = 'S', // inside: the command's wait status
	WORD_NOFORK = 'F', // inside: errno of a failed fork
	WORD_NOEXEC = 'E', // inside: errno of a failed execve
};

// With WORD_LIMIT the value is the resource, negative if nobody asked for the
// limit and it may be cut down to the hard one: -1 is resource 0.
struct word {
	int kind;
	int value;
	unsigned long long soft, hard;
};

// Descriptors that the inner program is started with, beside 0, 1 and 2.
enum { INSIDE_SOCKET = 3, INSIDE_SELF = 4, INSIDE_STDOUT = 5, INSIDE_STDERR = 6 };

// Where the start keeps the run's stdout and stderr while walls are built.
enum { KEPT_STDOUT = 101, KEPT_STDERR = 102 };

int dewar_say(int sock, int kind, int value);
int dewar_hear(int sock, struct word *w); // 1, or 0 at the end
void dewar_default_signals(void);
long long dewar_now_ms(void);

void dewar_hold(int argc, char **argv) __attribute__((noreturn));
void dewar_payload(int argc, char **argv) __attribute__((noreturn));

#endif

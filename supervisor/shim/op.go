package shim

// op is one system call of the list that a forked child runs: what it is to
// do, as data, made by the parent. The assembly (fork_*.s) knows the offsets of
// nr, mode, args and want, and the size. What an argument points to lies in
// memory that neither moves nor is given back before the fork: in the step or in
// its room, never on a stack.
type op struct {
	nr   uint32
	mode opMode
	what opWhat
	args [6]uintptr
	want uintptr
}

// opMode says what becomes of the list after a call. What ends it otherwise
// than by an execve is told on the handshake, as a failure.
type opMode uint16

const (
	opMust   opMode = iota // an error ends it
	opMay                  // it goes on whatever happens
	opWant                 // an error ends it, or any result but want
	opExec                 // ENOENT and ENOTDIR go on, EACCES goes on behind the next op, other errors end it
	opAbsent               // success ends it, as a failure of the opExec before it
	opDown                 // whatever happens it is repeated with one less in args[0], down to want
)

// opWhat is what a failure of an op is about: see sentence.
type opWhat uint16

const (
	whatSession opWhat = iota
	whatFiles
	whatShim
	whatCwd
	whatGroup
	whatLimit
	whatNice
	whatCaps
	whatIDs
	whatUmask
	whatPrivs
	whatDeath
	whatSignals
	whatReady
	whatCommand
)

// A failure is told in 8 bytes: E, NUL, the number of the op (16 bits) and the
// errno (32 bits), in the machine's order, little-endian on all that we build
// for. The number after the last is that of a list which came to its end, no
// command having been found. EINTR repeats a call; an errno of 0 is an opWant
// with another result.
const (
	failureSize = 8
	mostOps     = 1<<16 - 1
)

func parseFailure(p []byte) (index int, errno int, ok bool) {
	if len(p) != failureSize || p[0] != 'E' || p[1] != 0 {
		return 0, 0, false
	}
	index = int(p[2]) | int(p[3])<<8
	errno = int(p[4]) | int(p[5])<<8 | int(p[6])<<16 | int(p[7])<<24
	return index, errno, true
}

package main

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"github.com/dewarhq/dewar/sandbox/cgroup"
)

// torment is what one process does to be hard to kill. Every process that comes
// of it has the mark among its arguments, whatever becomes of its environment.
type torment struct {
	what, book, mark, leave, setuid string
	children                        int
}

var tormentor torment

// torments are the words for it. Each enters its beginning in the book when all
// of its processes are there, and none of them ends by itself.
var torments = map[string]func(*torment){
	"bomb":     (*torment).bomb,
	"daemon":   (*torment).daemon,
	"setuid":   (*torment).dropped,
	"regained": (*torment).regained,
	"stubborn": (*torment).stubborn,
	"vforks":   (*torment).vforks,
	"stopped":  (*torment).stopped,
	"burrow":   (*torment).burrow,
	"sleepers": (*torment).sleepers,
	// what daemon, setuid and regained start
	"orphaner": (*torment).orphaner,
	"quiet":    (*torment).quiet,
	"root":     (*torment).root,
}

// begin does not return.
func (m *torment) begin() {
	do, known := torments[m.what]
	if !known {
		fail("there is no torment %q", m.what)
	}
	if m.leave == "" {
		do(m)
		forever()
	}
	m.another(m.what, &syscall.SysProcAttr{Setsid: true})
	leave(m.leave)
}

// leave ends this process when somebody opens the other end of a FIFO. The
// runtime does not hear of it: what is left of a limit of processes may be too
// little for another thread.
func leave(fifo string) {
	const atCwd = ^uintptr(99) // AT_FDCWD, -100
	path, err := syscall.BytePtrFromString(fifo)
	if err != nil {
		fail("%v", err)
	}
	for {
		_, _, err := syscall.RawSyscall(syscall.SYS_OPENAT, atCwd, uintptr(unsafe.Pointer(path)), syscall.O_RDONLY)
		if err == syscall.EINTR {
			continue
		}
		syscall.RawSyscall(syscall.SYS_EXIT_GROUP, uintptr(err), 0, 0)
	}
}

// another starts this program once more, with nothing in its environment by
// which it could be known.
func (m *torment) another(what string, as *syscall.SysProcAttr) *exec.Cmd {
	program := "/proc/self/exe"
	if what == "root" {
		program = m.setuid
	}
	cmd := exec.Command(program, "-torment", what, "-book", m.book, "-mark", m.mark, "-setuid", m.setuid, "-children", strconv.Itoa(m.children))
	cmd.Env = []string{"GOMAXPROCS=1"}
	cmd.SysProcAttr = as
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		fail("%v", err)
	}
	return cmd
}

// open opens the book, for entered.
func (m *torment) open() uintptr {
	fd, err := syscall.Open(m.book, syscall.O_WRONLY|syscall.O_APPEND|syscall.O_CLOEXEC, 0)
	if err != nil {
		fail("open the book: %v", err)
	}
	return uintptr(fd)
}

// begun is a line of the book, for a process that has no runtime to make one.
var begun = []byte("begin 0 0 0\n")

// entered enters it.
//
//go:nosplit
//go:norace
func entered(book uintptr) {
	syscall.RawSyscall(syscall.SYS_WRITE, book, uintptr(unsafe.Pointer(&begun[0])), uintptr(len(begun)))
}

// quiet does nothing else.
func (m *torment) quiet() { entered(m.open()) }

// bomb forks for as long as it can, and so does every child.
func (m *torment) bomb() {
	book := m.open()
	for {
		child, err := fork(0)
		if err == 0 && child != 0 {
			continue
		}
		if err != 0 {
			entered(book) // the limit holds
		}
		explode()
	}
}

// daemon forks twice, with a session of its own.
func (m *torment) daemon() {
	if err := m.another("orphaner", &syscall.SysProcAttr{Setsid: true}).Wait(); err != nil {
		fail("%v", err)
	}
}

func (m *torment) orphaner() {
	m.another("quiet", &syscall.SysProcAttr{Setsid: true})
	os.Exit(0)
}

// dropped has a child of another user.
func (m *torment) dropped() {
	const nobody = 65534
	m.another("quiet", &syscall.SysProcAttr{Setsid: true, Credential: &syscall.Credential{Uid: nobody, Gid: nobody}})
}

// regained is run by an ordinary user, and has a child that is root.
func (m *torment) regained() { m.another("root", &syscall.SysProcAttr{Setsid: true}) }

func (m *torment) root() {
	if err := syscall.Setresuid(0, 0, 0); err != nil {
		fail("become root: %v", err)
	}
	m.stubborn()
}

// stubborn ignores what can be ignored, and so does its child.
func (m *torment) stubborn() {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT)
	m.family(1)
}

func (m *torment) sleepers() { m.family(m.children) }

// family has n children. Others may fill the machine with processes meanwhile,
// and those who have ended count until they are reaped.
func (m *torment) family(n int) {
	const patience = 30 * time.Second
	book, begun := m.open(), time.Now()
	for i := range n {
		child, err := fork(0)
		for ; err == syscall.EAGAIN && time.Since(begun) < patience; child, err = fork(0) {
			time.Sleep(10 * time.Millisecond)
		}
		if err != 0 {
			fail("fork child %d: %v", i, err)
		}
		if child == 0 {
			pause()
		}
	}
	entered(book)
}

// stopped stops its child and itself.
func (m *torment) stopped() {
	m.family(1)
	if err := syscall.Kill(0, syscall.SIGSTOP); err != nil {
		fail("%v", err)
	}
}

// vforks is a chain of processes that each wait in the kernel for the next.
func (m *torment) vforks() {
	const length = 8
	chain(m.open(), length)
}

// burrow leaves a child in its groups, and moves into groups that it makes
// below them.
func (m *torment) burrow() {
	host, err := cgroup.Look()
	if err != nil {
		fail("%v", err)
	}
	if child, err := fork(0); err != 0 {
		fail("%v", err)
	} else if child == 0 {
		pause()
	}
	for _, own := range host.Own {
		if !strings.Contains(own, "/task/p-") {
			continue // this hierarchy was not entered
		}
		below := filepath.Join(own, "burrow", "deeper")
		if err := os.MkdirAll(below, 0o755); err != nil {
			fail("%v", err)
		}
		if err := os.WriteFile(filepath.Join(below, "cgroup.procs"), []byte("0"), 0); err != nil {
			fail("move into %s: %v", below, err)
		}
	}
	entered(m.open())
}

func forever() {
	for {
		time.Sleep(time.Hour)
	}
}

// fork is fork(2), for a child that does nothing but system calls.
//
//go:nosplit
//go:norace
func fork(flags uintptr) (uintptr, syscall.Errno) {
	child, _, err := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD)|flags, 0, 0, 0, 0, 0)
	return child, err
}

//go:nosplit
//go:norace
func pause() {
	for {
		var long = syscall.Timespec{Sec: 3600}
		syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&long)), 0, 0)
	}
}

//go:nosplit
//go:norace
func explode() {
	for {
		if _, err := fork(0); err != 0 {
			var moment = syscall.Timespec{Nsec: 1e6}
			syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&moment)), 0, 0)
		}
	}
}

//go:nosplit
//go:norace
func chain(book uintptr, n int) {
	for ; n > 0; n-- {
		if child, err := fork(syscall.CLONE_VFORK); err != 0 || child != 0 {
			pause()
		}
	}
	entered(book)
	pause()
}

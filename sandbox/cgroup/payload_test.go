package cgroup

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// payload does what it is told, says one byte when it has done so, and then
// stays until it is killed.
func payload(what []string) {
	args := what[1:]
	switch what[0] {
	case "sleep":
		say()
		forever()
	case "family": // of how many
		n, _ := strconv.Atoi(args[0])
		for range n {
			if child, err := fork(0); err != 0 {
				fail(err)
			} else if child == 0 {
				pause()
			}
		}
		say()
		forever()
	case "quiet":
		forever()
	case "daemon": // double fork and setsid
		child := another("orphan-maker")
		child.Wait()
		say()
		forever()
	case "orphan-maker":
		another("quiet")
	case "stubborn": // ignores what can be ignored
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT)
		say()
		forever()
	case "stopped":
		say()
		syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		forever()
	case "bomb": // forks for as long as it can
		say()
		explode()
	case "delegated":
		if err := delegated(); err != nil {
			fail(err)
		}
	case "burrow": // into a group that it makes below its own
		burrow(args)
		say()
		forever()
	case "eat": // bytes
		n, _ := strconv.Atoi(args[0])
		b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
		if err != nil {
			fail(err)
		}
		if len(args) > 1 {
			say()
			os.Stdin.Read(make([]byte, 1))
		}
		for i := 0; i < n; i += 4096 {
			b[i] = 1
		}
		say()
		forever()
	case "open":
		say()
		_, err := os.Stat(args[0])
		fail(err)
	case "spin":
		say()
		for {
			spun++
		}
	case "vfork": // a chain, each waiting in the kernel for the next
		vforks(8)
	}
}

var spun int

func say() { fmt.Print("x") }

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(121)
}

func forever() {
	for {
		time.Sleep(time.Hour)
	}
}

// another starts the test binary once more, as another payload.
func another(what string) *exec.Cmd {
	cmd := command0(what)
	if err := cmd.Start(); err != nil {
		fail(err)
	}
	return cmd
}

func command0(what string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{payloadEnv + "=" + what, "GOMAXPROCS=1"}
	cmd.Stdout = os.Stdout
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

// burrow makes a sub-group in each directory and moves there.
func burrow(dirs []string) {
	for _, dir := range dirs {
		below := path.Join(dir, "burrow", "deeper")
		if err := os.MkdirAll(below, 0o755); err != nil {
			fail(err)
		}
		if err := writeFile(below+"/cgroup.procs", "0"); err != nil {
			fail(err)
		}
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
func vforks(n int) {
	for ; n > 0; n-- {
		if child, err := fork(syscall.CLONE_VFORK); err != 0 || child != 0 {
			pause()
		}
	}
	x := byte('x')
	syscall.RawSyscall(syscall.SYS_WRITE, 1, uintptr(unsafe.Pointer(&x)), 1)
	pause()
}

package shim

import (
	"syscall"
	"unsafe"
)

// forkOps makes the system call that forks, with two arguments, and returns
// its result in the parent: a pid or -errno. The child, which shares no memory
// with us, runs n ops from first on and ends in one of them that is an execve;
// else it writes a failure to hs and exits. It never returns, touches nothing of
// Go's but its own copy of the ops and 8 bytes of the stack, and all signals are
// to be blocked.
//
//go:noescape
func forkOps(trap, a, b uintptr, first *op, n, hs uintptr) uintptr

// cloneArgs is the kernel's struct clone_args, as of 5.7.
type cloneArgs struct {
	flags, pidFd, childTid, parentTid, exitSignal uint64
	stack, stackSize, tls, setTid, setTidSize     uint64
	cgroup                                        uint64
}

const (
	sysClone3       = 435 // since kernel 5.3
	cloneIntoCgroup = 1 << 33
)

// fork makes the child, in the control group (v2) that a descriptor is open of;
// -1 leaves it in ours. A kernel that cannot (before 5.7) says ENOSYS, EINVAL or
// E2BIG.
func (st *step) fork(hs, cgroup int) (int, error) {
	trap, a, b := uintptr(syscall.SYS_CLONE), uintptr(syscall.SIGCHLD), uintptr(0)
	if cgroup >= 0 {
		st.clone = cloneArgs{flags: cloneIntoCgroup, exitSignal: uint64(syscall.SIGCHLD), cgroup: uint64(cgroup)}
		trap, a, b = sysClone3, uintptr(unsafe.Pointer(&st.clone)), unsafe.Sizeof(st.clone)
	}
	old := setMask(^uint64(0))
	r := forkOps(trap, a, b, &st.ops[0], uintptr(len(st.ops)), uintptr(hs))
	setMask(old)
	if e := -int(r); e > 0 {
		return 0, syscall.Errno(e)
	}
	return int(r), nil
}

// setMask makes this thread block just these signals, and returns which it did.
func setMask(mask uint64) (old uint64) {
	_, _, e := syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, sigSetmask, uintptr(unsafe.Pointer(&mask)), uintptr(unsafe.Pointer(&old)), 8, 0, 0)
	if e != 0 {
		panic("rt_sigprocmask with arguments of our own: " + e.Error())
	}
	return old
}

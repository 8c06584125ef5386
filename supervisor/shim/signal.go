package shim

import (
	"sync/atomic"
	"syscall"
	"unsafe"
)

// Signals arrive in a handler of a few instructions (signal_*.s), which notes
// the number in signalled and writes to the eventfd signalWake. It runs on the
// runtime's signal stack, on whatever thread the kernel picks, and touches
// nothing else. Package os/signal would do the same with two more threads and
// 0.35 MB more memory.
var (
	signalled  [65]uint32
	signalWake int32 = -1
	//lint:ignore U1000 the handler is written in assembly
	signalOne uint64 = 1 // what the handler writes
)

func signalHandler() uintptr  // the handler's address
func signalRestorer() uintptr // that of its way back, 0 where the kernel has one

// sigaction is the kernel's struct, on the architectures that we build for.
type sigaction struct {
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

const (
	saRestorer = 0x04000000
	saOnstack  = 0x08000000
	saRestart  = 0x10000000
)

// wanted are the signals that the resident shim hears. The second half only
// keeps their default action, which is death, from the shim.
var wanted = [...]syscall.Signal{
	syscall.SIGCHLD, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT,
	syscall.SIGPIPE, syscall.SIGXFSZ, syscall.SIGALRM, syscall.SIGUSR1, syscall.SIGUSR2,
	syscall.SIGVTALRM, syscall.SIGIO, syscall.SIGPWR, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU,
}

// catchSignals installs the handler and returns the eventfd that becomes
// readable when one came.
func catchSignals() (int, error) {
	fd, err := call(syscall.SYS_EVENTFD2, 0, syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	atomic.StoreInt32(&signalWake, int32(fd))
	act := handlerAction()
	for _, sig := range wanted {
		if err := setAction(sig, act); err != nil {
			return -1, err
		}
	}
	setMask(0)
	return fd, nil
}

func handlerAction() *sigaction {
	act := sigaction{handler: signalHandler(), flags: saOnstack | saRestart, restorer: signalRestorer()}
	if act.restorer != 0 {
		act.flags |= saRestorer
	}
	return &act
}

func setAction(sig syscall.Signal, act *sigaction) error {
	_, _, e := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(act)), 0, 8, 0, 0)
	return failure(e)
}

// came reports whether the signal has come since it was last asked.
func came(sig syscall.Signal) bool { return atomic.SwapUint32(&signalled[sig], 0) != 0 }

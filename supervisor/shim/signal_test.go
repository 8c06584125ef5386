package shim

import (
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"unsafe"
)

// TestSignalHandler: the few instructions, on whatever thread and stack the
// signal finds.
func TestSignalHandler(t *testing.T) {
	const sig = syscall.SIGUSR2
	var old sigaction
	if _, _, e := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(sig), 0, uintptr(unsafe.Pointer(&old)), 8, 0, 0); e != 0 {
		t.Fatal(e)
	}
	fd, err := call(syscall.SYS_EVENTFD2, 0, syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer closeFd(fd)
	defer atomic.StoreInt32(&signalWake, atomic.SwapInt32(&signalWake, int32(fd)))
	if err := setAction(sig, handlerAction()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := setAction(sig, &old); err != nil {
			t.Fatal(err)
		}
	}()
	const senders, each = 4, 500
	var all sync.WaitGroup
	for range senders {
		all.Go(func() {
			for range each {
				if err := syscall.Kill(syscall.Getpid(), sig); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for !poll(fd, pollIn, true) { // another thread may be handling the last
	}
	var count uint64
	if _, err := syscall.Read(fd, (*[8]byte)(unsafe.Pointer(&count))[:]); err != nil {
		t.Fatal(err)
	}
	if count < 1 || count > senders*each {
		t.Errorf("the eventfd counts %d", count)
	}
	if !came(sig) || came(syscall.SIGUSR1) {
		t.Error("what came is not what was sent")
	}
}

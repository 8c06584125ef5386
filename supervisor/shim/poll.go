package shim

import (
	"syscall"
	"unsafe"
)

const (
	pollIn  = 1
	pollOut = 4
)

// poll reports whether a descriptor is ready now; with wait, it waits until
// then, or until a signal comes.
func poll(fd int, events int16, wait bool) bool {
	set := struct {
		fd              int32
		events, revents int16
	}{int32(fd), events, 0}
	var none syscall.Timespec
	timeout := &none
	if wait {
		timeout = nil
	}
	n, _, e := syscall.RawSyscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&set)), 1, uintptr(unsafe.Pointer(timeout)), 0, 0, 0)
	return e == 0 && n == 1 && set.revents&events != 0
}

package shim

import (
	"syscall"
	"unsafe"
)

// writable asks, without waiting, whether a descriptor takes bytes now.
func writable(fd int) bool {
	const out = 4
	set := struct {
		fd              int32
		events, revents int16
	}{int32(fd), out, 0}
	var now syscall.Timespec
	n, err := call(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&set)), 1, uintptr(unsafe.Pointer(&now)), 0, 0)
	return err == nil && n == 1 && set.revents&out != 0
}

//go:build linux && cgo

package main

// #cgo CFLAGS: -Wall -Wextra -O2
// extern int dewar_start_errno;
import "C"

import "syscall"

// startError is what went wrong before the Go runtime started, or 0.
func startError() syscall.Errno { return syscall.Errno(C.dewar_start_errno) }

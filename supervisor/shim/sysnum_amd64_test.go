package shim

import "golang.org/x/sys/unix"

const sysFstatatOfUnix = unix.SYS_NEWFSTATAT

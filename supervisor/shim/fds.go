package shim

import "syscall"

// closeFrom closes every descriptor from first on.
func closeFrom(first int) error {
	if _, err := call(sysCloseRange, uintptr(first), 1<<31-1, 0); err == nil {
		return nil
	}
	return closeListed(first)
}

// closeListed is closeFrom for kernels without close_range.
func closeListed(first int) error {
	last, err := highestFd()
	for fd := first; fd <= last; fd++ {
		closeFd(fd)
	}
	return err
}

// highestFd is the largest number of an open descriptor.
func highestFd() (int, error) {
	dir, err := openatZ(atFdcwd, []byte("/proc/self/fd\x00"), syscall.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return 0, err
	}
	defer closeFd(dir)
	highest := 0
	var space [1024]byte
	err = eachEntry(dir, space[:], func(name []byte) {
		if n, ok := decimal(name); ok && int(n) > highest {
			highest = int(n)
		}
	})
	return highest, err
}

// eachEntry calls each for every name in an open directory but "." and "..".
// The name is valid only during the call.
func eachEntry(dir int, buf []byte, each func(name []byte)) error {
	const header = 19 // of linux_dirent64: ino 8, off 8, reclen 2, type 1
	for {
		n, err := transfer(syscall.SYS_GETDENTS64, dir, buf)
		if err != nil || n == 0 {
			return err
		}
		for b := buf[:n]; len(b) > header; {
			size := int(b[16]) | int(b[17])<<8
			name := cString(b[header:size])
			if string(name) != "." && string(name) != ".." {
				each(name)
			}
			b = b[size:]
		}
	}
}

// cString is b up to its first NUL.
func cString(b []byte) []byte {
	for i, c := range b {
		if c == 0 {
			return b[:i]
		}
	}
	return b
}

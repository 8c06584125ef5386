package launch

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// FreePorts takes one free TCP port from the kernel for each name. All are
// held until the last is known, so no two are the same; then they are let go:
// until the task binds them, others may.
func FreePorts(names []string) (map[string]int, error) {
	ports := make(map[string]int, len(names))
	for _, name := range names {
		fd, port, err := bindAny()
		if err != nil {
			return nil, fmt.Errorf("take a free port for %q: %w", name, err)
		}
		defer unix.Close(fd)
		ports[name] = port
	}
	return ports, nil
}

// bindAny binds a port that is free on IPv4 and, where there is such a thing,
// on IPv6.
func bindAny() (fd, port int, err error) {
	fd, err = unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0)
		if err == nil {
			err = unix.Bind(fd, &unix.SockaddrInet6{})
		}
		if err == nil {
			return named(fd)
		}
		unix.Close(fd)
	}
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, 0, err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{}); err != nil {
		unix.Close(fd)
		return 0, 0, err
	}
	return named(fd)
}

// named is fd with the port it is bound to; it closes fd on an error.
func named(fd int) (int, int, error) {
	addr, err := unix.Getsockname(fd)
	if err != nil {
		unix.Close(fd)
		return 0, 0, err
	}
	switch addr := addr.(type) {
	case *unix.SockaddrInet6:
		return fd, addr.Port, nil
	case *unix.SockaddrInet4:
		return fd, addr.Port, nil
	}
	unix.Close(fd)
	return 0, 0, fmt.Errorf("the kernel names a socket by an address of another family")
}

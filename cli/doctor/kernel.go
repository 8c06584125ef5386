package doctor

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

func release() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

// atLeast compares a kernel's release, "6.1.0-18-amd64", with a version. One that
// cannot be read is older.
func atLeast(release string, major, minor int) bool {
	parts := strings.SplitN(release, ".", 3)
	if len(parts) < 2 {
		return false
	}
	has, err1 := strconv.Atoi(parts[0])
	end := strings.IndexFunc(parts[1]+" ", func(c rune) bool { return c < '0' || c > '9' })
	is, err2 := strconv.Atoi(parts[1][:end])
	return err1 == nil && err2 == nil && (has > major || has == major && is >= minor)
}

// least is the oldest kernel that Dewar is made for.
const leastMajor, leastMinor = 5, 10

func kernel() []Fact {
	is := release()
	facts := []Fact{kernelVersion(is)}
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err == nil {
		unix.Close(fd)
	}
	facts = append(facts, feature("pidfd_open", err, Bad, "a kernel of 5.3 or newer; in a container: a seccomp profile that lets it through"))
	facts = append(facts, feature("clone3 into a group", cloneInto(is), Warn, "processes join their group after the fork; a kernel of 5.7 or newer, or a seccomp profile that lets clone3 through"))
	facts = append(facts, feature("close_range", closeRange(), Warn, "descriptors are closed one by one; a kernel of 5.9 or newer"))
	facts = append(facts, feature("subreaper", subreaper(), Bad, "a kernel of 3.4 or newer; in a container: a seccomp profile that lets prctl through"))
	facts = append(facts, children(exists(fmt.Sprintf("/proc/self/task/%d/children", unix.Gettid()))))
	users, err := os.ReadFile("/proc/sys/user/max_user_namespaces")
	return append(facts, namespaces(string(users), err))
}

func kernelVersion(is string) Fact {
	if atLeast(is, leastMajor, leastMinor) {
		return ok("kernel", is)
	}
	return warn("kernel", is+" is older than what Dewar is tested with", fmt.Sprintf("a kernel of %d.%d or newer", leastMajor, leastMinor))
}

// feature judges the attempt to use one.
func feature(name string, err error, without State, remedy string) Fact {
	switch {
	case err == nil:
		return ok(name, "works")
	case errors.Is(err, unix.ENOSYS):
		return Fact{name, without, "this kernel does not have it, or it is filtered", remedy}
	}
	return Fact{name, without, "does not work: " + err.Error(), remedy}
}

// cloneInto asks clone3 for nothing, which it refuses, and believes the release
// about the rest (5.7): more would start a process.
func cloneInto(release string) error {
	_, _, errno := unix.Syscall(unix.SYS_CLONE3, 0, 0, 0)
	if errno == unix.EINVAL || errno == unix.EFAULT {
		if atLeast(release, 5, 7) {
			return nil
		}
		return unix.ENOSYS
	}
	return errno
}

func closeRange() error {
	const none = 1<<31 - 1
	_, _, errno := unix.Syscall(unix.SYS_CLOSE_RANGE, none, none, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// subreaper asks whether we are one; that we are none is well.
func subreaper() error {
	var is int32
	return unix.Prctl(unix.PR_GET_CHILD_SUBREAPER, addressOf(&is), 0, 0, 0)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func children(there bool) Fact {
	const name = "CONFIG_PROC_CHILDREN"
	if there {
		return ok(name, "children are listed")
	}
	return warn(name, "the kernel lists no children: to find a run's descendants every process is looked at", "a kernel built with CONFIG_PROC_CHILDREN; nothing else is missing without it")
}

// namespaces is about what some programs in tasks want; Dewar's walls are made
// by root.
func namespaces(most string, err error) Fact {
	const name = "user namespaces"
	n, wrong := strconv.Atoi(strings.TrimSpace(most))
	switch {
	case err != nil || wrong != nil:
		return ok(name, "none; Dewar needs none")
	case n == 0:
		return ok(name, "switched off (user.max_user_namespaces is 0); Dewar needs none")
	}
	return ok(name, "allowed; Dewar needs none")
}

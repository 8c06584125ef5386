package doctor

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

func limits() []Fact {
	var files, procs unix.Rlimit
	err1 := unix.Getrlimit(unix.RLIMIT_NOFILE, &files)
	err2 := unix.Getrlimit(unix.RLIMIT_NPROC, &procs)
	facts := []Fact{nofile(files, err1), nproc(procs, os.Geteuid() == 0, err2)}
	for _, s := range sysctls {
		text, err := os.ReadFile("/proc/sys/" + strings.ReplaceAll(s.name, ".", "/"))
		facts = append(facts, s.judge(string(text), err))
	}
	text, err := os.ReadFile("/proc/sys/vm/overcommit_memory")
	return append(facts, overcommit(string(text), err))
}

func limitText(n uint64) string {
	if n == unix.RLIM_INFINITY {
		return "unlimited"
	}
	return strconv.FormatUint(n, 10)
}

// nofile: a shim holds some descriptors for each process that it logs for.
func nofile(is unix.Rlimit, err error) Fact {
	const name, least = "limit nofile", 4096
	if err != nil {
		return warn(name, err.Error(), "")
	}
	said := fmt.Sprintf("%s, raised up to %s", limitText(is.Cur), limitText(is.Max))
	if is.Max < least {
		return warn(name, said, fmt.Sprintf("large tasks run out of descriptors: raise the hard limit to %d or more (ulimit -Hn, LimitNOFILE=)", least))
	}
	return ok(name, said)
}

func nproc(is unix.Rlimit, root bool, err error) Fact {
	const name, least = "limit nproc", 1024
	switch {
	case err != nil:
		return warn(name, err.Error(), "")
	case is.Cur < least && !root:
		return warn(name, limitText(is.Cur)+" processes and threads of this user, whatever task they belong to", "raise it: ulimit -u, LimitNPROC=, /etc/security/limits.conf")
	}
	return ok(name, limitText(is.Cur))
}

// sysctl is one number of the kernel's, of which there should be enough.
type sysctl struct {
	name  string
	least int
	why   string
}

var sysctls = []sysctl{
	{"kernel.pid_max", 32768, "tasks of many processes find no pid"},
	{"fs.inotify.max_user_instances", 128, "each brain, and each dewar that follows a task, takes one or two"},
	{"fs.inotify.max_user_watches", 8192, "following many tasks and their logs takes one a directory"},
}

func (s sysctl) judge(text string, err error) Fact {
	n, wrong := strconv.Atoi(strings.TrimSpace(text))
	if err := errors.Join(err, wrong); err != nil {
		return warn(s.name, "cannot be read: "+err.Error(), "")
	}
	if n < s.least {
		return warn(s.name, fmt.Sprintf("%d: %s", n, s.why), fmt.Sprintf("sysctl -w %s=%d", s.name, s.least))
	}
	return ok(s.name, strconv.Itoa(n))
}

// overcommit: in mode 2 a fork counts all that the parent could write to.
func overcommit(text string, err error) Fact {
	const name = "vm.overcommit_memory"
	mode := strings.TrimSpace(text)
	switch {
	case err != nil:
		return warn(name, "cannot be read: "+err.Error(), "")
	case mode == "2":
		return warn(name, "2: the kernel refuses memory that it could have, and with it forks of the shim", "sysctl -w vm.overcommit_memory=0, or raise vm.overcommit_ratio")
	}
	return ok(name, mode)
}

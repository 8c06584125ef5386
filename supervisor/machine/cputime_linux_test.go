package machine

import (
	"syscall"
	"time"
)

// cpuTime is what this process has used: on a busy machine the clock on the
// wall says little.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

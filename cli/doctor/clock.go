package doctor

import (
	"time"

	"golang.org/x/sys/unix"
)

func clock() Fact {
	var boot unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot); err != nil {
		return bad("clock", "CLOCK_BOOTTIME cannot be read: "+err.Error(), "a kernel of 2.6.39 or newer; in a container: a seccomp profile that lets clock_gettime through")
	}
	state, err := unix.Adjtimex(&unix.Timex{})
	return synchronised(state, err, time.Duration(boot.Nano()))
}

// unsynchronised is adjtimex(2)'s TIME_ERROR.
const unsynchronised = 5

// synchronised judges adjtimex(2). Deadlines do not depend on it: they are in
// boot time.
func synchronised(state int, err error, up time.Duration) Fact {
	const name = "clock"
	said := "booted " + up.Truncate(time.Second).String() + " ago"
	switch {
	case err != nil:
		return warn(name, said+"; whether the wall clock is right cannot be asked: "+err.Error(), "")
	case state == unsynchronised:
		return warn(name, said+"; the wall clock is not synchronised", "times in journals and status may be wrong; run systemd-timesyncd, chrony or ntpd")
	}
	return ok(name, said+"; the wall clock is synchronised")
}

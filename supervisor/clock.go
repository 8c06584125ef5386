package supervisor

import (
	"fmt"
	"os"
	"time"

	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/supervisor/shim"
	"golang.org/x/sys/unix"
)

func now() machine.Instant {
	return machine.Instant{Boot: shim.BootTime(), Wall: time.Now().UnixNano()}
}

// alarm is the loop's one timer. It counts on CLOCK_BOOTTIME, as the machine's
// deadlines do, so that a suspended laptop wakes up to what has come due:
// a time.Timer stands still while the machine sleeps, and would ring late by
// just as long. One timerfd, read by one goroutine that Close waits for.
type alarm struct {
	rang chan struct{} // of capacity 1
	file *os.File
	fd   int
	at   int64 // what it is set to; 0: nothing
	done chan struct{}
}

func newAlarm() (*alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_BOOTTIME, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a timer on the boot clock: %w", err)
	}
	a := &alarm{rang: make(chan struct{}, 1), file: os.NewFile(uintptr(fd), "timerfd"), fd: fd, done: make(chan struct{})}
	go a.listen()
	return a, nil
}

func (a *alarm) listen() {
	defer close(a.done)
	var expirations [8]byte
	for {
		if _, err := a.file.Read(expirations[:]); err != nil {
			return // closed
		}
		select {
		case a.rang <- struct{}{}:
		default:
		}
	}
}

// set makes the alarm ring once, at a boot time in nanoseconds, or at once if
// that has passed; 0 is never. It may ring once more for what it was set to
// before.
func (a *alarm) set(at int64) error {
	if at < 0 {
		at = 1
	}
	if at == a.at {
		return nil
	}
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(at)}
	if err := unix.TimerfdSettime(a.fd, unix.TFD_TIMER_ABSTIME, &spec, nil); err != nil {
		return fmt.Errorf("set the timer to %d ns after boot: %w", at, err)
	}
	a.at = at
	return nil
}

// heard is to be called when the alarm rang: what it was set to is spent.
func (a *alarm) heard() { a.at = 0 }

func (a *alarm) close() error {
	err := a.file.Close()
	<-a.done
	return err
}

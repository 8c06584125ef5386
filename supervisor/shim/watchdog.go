package shim

import (
	"errors"
	"strconv"
	"syscall"
)

// WatchdogName is the file in a run's directory that says when the run last said
// WATCHDOG=1; see package shim.
const WatchdogName = "watchdog"

const watchdogDigits = 20

// appendWatchdog appends the file's contents, which are always of one length:
// they are written over what is there.
func appendWatchdog(b []byte, at int64) []byte {
	b = AppendInt(b, "version", Version)
	b = appendPadded(b, "at", at)
	b = appendPadded(b, "again", at)
	return AppendInt(b, "end", 1)
}

func appendPadded(b []byte, key string, n int64) []byte {
	b = append(b, key...)
	b = append(b, '=')
	var digits [watchdogDigits]byte
	text := strconv.AppendInt(digits[:0], n, 10)
	for i := len(text); i < watchdogDigits; i++ {
		b = append(b, '0')
	}
	b = append(b, text...)
	return append(b, 0)
}

var errTorn = errors.New("it was being written")

// decodeWatchdog reads the file's contents. Read while they are written they may
// be neither the old nor the new ones: errTorn.
func decodeWatchdog(b []byte) (at int64, err error) {
	var e ends
	var again int64
	err = EachField(b, func(key, value []byte) (err error) {
		done, err := e.see(key, value)
		if done || err != nil {
			return err
		}
		switch string(key) {
		case "at":
			at, err = parseNumber(key, value)
		case "again":
			again, err = parseNumber(key, value)
		}
		return err
	})
	if err == nil {
		err = e.check()
	}
	if err == nil && (at != again || at <= 0) {
		err = errTorn
	}
	return at, err
}

// ReadWatchdog reads when the run whose directory is given last said WATCHDOG=1,
// as a boot time in nanoseconds; 0: not yet.
func ReadWatchdog(runDir string) (at int64, err error) {
	const tries = 100
	path := runDir + "/" + WatchdogName
	for try := 0; ; try++ {
		var buf [256]byte
		n, err := readFile(path, buf[:])
		if err == syscall.ENOENT {
			return 0, nil
		}
		if err == nil {
			at, err = decodeWatchdog(buf[:n])
		}
		if err == nil {
			return at, nil
		}
		if err != errTorn && n > 0 || try == tries {
			return 0, &PathError{"read", path, err}
		}
		pause()
	}
}

// feedWatchdog notes that the run has just said WATCHDOG=1. There is no bell: who
// wants to know looks, and there is nothing to hear of a run that says nothing.
func (s *shim) feedWatchdog(r *run) {
	r.fed = false
	err := s.writeWatchdog(r)
	if err != nil && !s.notify.deaf {
		complain(err.Error())
	}
	s.notify.deaf = err != nil
}

func (s *shim) writeWatchdog(r *run) error {
	fd, err := openatZ(atFdcwd, s.path(0, r.dir, "/"+WatchdogName), syscall.O_WRONLY|syscall.O_CREAT|syscall.O_NOFOLLOW, 0o640)
	if err != nil {
		return &PathError{"open", r.dir + "/" + WatchdogName, err}
	}
	var space [128]byte
	err = writeFull(fd, appendWatchdog(space[:0], BootTime()))
	closeFd(fd)
	if err != nil {
		return &PathError{"write", r.dir + "/" + WatchdogName, err}
	}
	return nil
}

package shim

import (
	"errors"
	"strconv"
)

// Version is the version of the protocol and of both file formats. A reader
// accepts files and greetings of this version and of no other; unknown keys
// are skipped, so that keys may be added without a new version.
const Version = 1

// Names inside a task's directory that the shim makes, holds or reads.
const (
	LockName     = "shim.lock"
	SockName     = "shim.sock"
	ShutdownName = "shutdown"
	FailingName  = "brain-failing"
	BrainLogName = "brain.log"
	SpecName     = "spec"
	StatusName   = "status"
)

// Exit codes of the shim.
const (
	ExitDone   = 0
	ExitHeld   = 5   // another shim holds the task
	ExitMisuse = 100 // do not try again
	ExitSystem = 111 // the system failed us; trying again may help
)

// AppendField appends one "key=value" and its NUL. A NUL inside the value,
// which the format cannot carry, becomes a space.
func AppendField(b []byte, key, value string) []byte {
	b = append(b, key...)
	b = append(b, '=')
	for i := 0; i < len(value); i++ {
		c := value[i]
		if c == 0 {
			c = ' '
		}
		b = append(b, c)
	}
	return append(b, 0)
}

// AppendInt appends one "key=number" and its NUL.
func AppendInt(b []byte, key string, value int64) []byte {
	b = append(b, key...)
	b = append(b, '=')
	b = strconv.AppendInt(b, value, 10)
	return append(b, 0)
}

// EachField calls each for every field of b in order, until it returns an
// error, which EachField returns. The slices point into b; the byte after a
// value is its NUL. Empty fields (padding) are skipped. A field without its
// NUL or without a key is an error: the file was cut off, or is something else.
func EachField(b []byte, each func(key, value []byte) error) error {
	for len(b) > 0 {
		eq, end := -1, -1
		for i, c := range b {
			if c == '=' && eq < 0 {
				eq = i
			}
			if c == 0 {
				end = i
				break
			}
		}
		if end == 0 {
			b = b[1:]
			continue
		}
		if end < 0 {
			return errors.New("the last field is cut off")
		}
		if eq <= 0 {
			return errors.New("not a list of key=value fields")
		}
		if err := each(b[:eq], b[eq+1:end]); err != nil {
			return err
		}
		b = b[end+1:]
	}
	return nil
}

func badField(key, value []byte) error {
	const most = 80
	if len(value) > most {
		value = value[:most]
	}
	return errors.New("the field " + string(key) + " is not a number: " + strconv.Quote(string(value)))
}

// ends checks what every file has: its version first, and end=1 last.
type ends struct {
	version bool
	end     bool
}

// see handles the fields version and end, and reports whether it was one.
func (e *ends) see(key, value []byte) (bool, error) {
	if e.end {
		return false, errors.New("there are fields after its end")
	}
	switch {
	case !e.version && string(key) != "version":
		return false, errors.New("it does not begin with a version")
	case string(key) == "version":
		e.version = true
		if v, err := parseNumber(key, value); err != nil {
			return true, err
		} else if v != Version {
			return true, errors.New("it is of version " + strconv.FormatInt(v, 10) + ", and this program knows version " + strconv.Itoa(Version))
		}
		return true, nil
	case string(key) == "end":
		e.end = true
		return true, nil
	}
	return false, nil
}

// check is called after the last field.
func (e *ends) check() error {
	if !e.version {
		return errors.New("it is empty")
	}
	if !e.end {
		return errors.New("it is cut off")
	}
	return nil
}

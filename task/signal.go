package task

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Signal is a signal's name without SIG, such as "TERM".
type Signal string

// The numbers are Linux' for x86, ARM, RISC-V, s390x and POWER (signal(7)).
var signalNumbers = map[Signal]int{
	"HUP": 1, "INT": 2, "QUIT": 3, "ILL": 4, "TRAP": 5, "ABRT": 6, "BUS": 7, "FPE": 8,
	"KILL": 9, "USR1": 10, "SEGV": 11, "USR2": 12, "PIPE": 13, "ALRM": 14, "TERM": 15, "STKFLT": 16,
	"CHLD": 17, "CONT": 18, "STOP": 19, "TSTP": 20, "TTIN": 21, "TTOU": 22, "URG": 23, "XCPU": 24,
	"XFSZ": 25, "VTALRM": 26, "PROF": 27, "WINCH": 28, "IO": 29, "PWR": 30, "SYS": 31,
}

// The C library keeps 32 and 33 to itself, so RTMIN is 34 for every program.
const rtmin, rtmax = 34, 64

// ParseSignal accepts "TERM", "SIGTERM", "term", "15" and "RTMIN+1", and
// returns the one canonical name.
func ParseSignal(text string) (Signal, error) {
	if n, err := strconv.Atoi(text); err == nil {
		if s := SignalName(n); s != "" {
			return s, nil
		}
		return "", fmt.Errorf("there is no signal %d", n)
	}
	s := Signal(strings.TrimPrefix(strings.ToUpper(text), "SIG"))
	if n := s.Number(); n != 0 {
		return SignalName(n), nil
	}
	return "", fmt.Errorf("there is no signal %s%s", Quote(text), didYouMean(string(s), signalNames()))
}

// Number is the signal's number, 0 if there is no such signal.
func (s Signal) Number() int {
	if n, ok := signalNumbers[s]; ok {
		return n
	}
	plus, ok := strings.CutPrefix(string(s), "RTMIN")
	if !ok {
		return 0
	}
	if plus == "" {
		return rtmin
	}
	n, err := strconv.Atoi(plus)
	if err != nil || plus[0] != '+' || n < 0 || rtmin+n > rtmax {
		return 0
	}
	return rtmin + n
}

// SignalName is the name of a signal by its number, "" if there is none.
func SignalName(number int) Signal {
	if number == rtmin {
		return "RTMIN"
	}
	if number > rtmin && number <= rtmax {
		return Signal("RTMIN+" + strconv.Itoa(number-rtmin))
	}
	for s, n := range signalNumbers {
		if n == number {
			return s
		}
	}
	return ""
}

// UnmarshalJSON accepts everything that ParseSignal does, and a number.
func (s *Signal) UnmarshalJSON(data []byte) error {
	text, err := scalar(data)
	if err != nil {
		return fmt.Errorf("read a signal: %w", err)
	}
	*s, err = ParseSignal(text)
	return err
}

func signalNames() []string {
	var names []string
	for _, s := range slices.Sorted(maps.Keys(signalNumbers)) {
		names = append(names, string(s))
	}
	return names
}

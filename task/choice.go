package task

import (
	"fmt"
	"slices"
	"strings"
)

// The words that a field of each type may hold, the default first.
var (
	Whens        = []When{WhenSuccess, WhenStarted, WhenReady, WhenHealthy, WhenExit}
	OnLosts      = []OnLost{LostIgnore, LostStop, LostRestart}
	Roles        = []Role{Liveness, Readiness, Startup}
	Actions      = []Action{FailTask, Restart, NoAction}
	StopTos      = []StopTo{StopGroup, StopMain}
	Destinations = []Destination{ToFile, ToConsole, ToBoth, ToNone}
	LogModes     = []LogMode{LogStandard, LogRotate}
	OOMs         = []OOM{OOMProcess, OOMGroup, OOMTask}
	DiskActions  = []DiskAction{DiskFail, DiskWarn}
	Scopes       = []Scope{Host, Private}
	Networks     = []Network{NetworkHost, NetworkNone}
	Seccomps     = []Seccomp{SeccompDefault, SeccompNone}
)

// CheckChoice says that a value is not one of those that are allowed, and
// which are; the sentence wants the field's name before it.
func CheckChoice[T ~string](value T, of []T) error {
	if slices.Contains(of, value) {
		return nil
	}
	words := make([]string, len(of))
	for i, w := range of {
		words[i] = string(w)
	}
	allowed := strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
	return fmt.Errorf("is %s, not %s%s", Quote(string(value)), allowed, didYouMean(string(value), words))
}

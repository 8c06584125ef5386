package launch

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/task"
)

// Isolation says how a task's processes are to be contained.
type Isolation string

const (
	IsolationAuto   Isolation = "auto"   // in kernel groups, if they can be made here
	IsolationNone   Isolation = "none"   // not at all, and nobody is told
	IsolationCgroup Isolation = "cgroup" // in kernel groups, or the task is not started
)

// ParseIsolation reads one; the empty text is IsolationAuto.
func ParseIsolation(text string) (Isolation, error) {
	switch i := Isolation(text); i {
	case "":
		return IsolationAuto, nil
	case IsolationAuto, IsolationNone, IsolationCgroup:
		return i, nil
	}
	return "", fmt.Errorf("%s is no isolation: write auto, none or cgroup", task.Quote(text))
}

// host is what must be known of a machine to contain a task on it.
type host struct {
	mode      cgroup.Mode
	why       string // of cgroup.None
	strangers []int  // who keeps our own group from handing controllers down
	own       string // that group
	inTask    bool   // we are part of a task of Dewar's
}

// lookAtHost asks the kernel. It makes nothing.
func lookAtHost() (host, error) {
	h, err := cgroup.Look()
	if err != nil {
		return host{}, &SystemError{err}
	}
	// We leave the group when our verb ends, but our caller stays: a shell, say.
	strangers, err := h.Strangers(os.Getpid())
	if err != nil {
		return host{}, &SystemError{err}
	}
	return host{mode: h.Mode, why: h.Why, strangers: strangers, own: h.Own[""], inTask: h.InTask}, nil
}

// contain decides which groups a task gets, and of NoGroups says why. The error
// is the caller's fault: groups that cannot be had were asked for.
func contain(asked Isolation, h host) (groups task.Groups, why string, err error) {
	if asked == IsolationNone {
		return task.NoGroups, "it was started with --isolation=none", nil
	}
	switch {
	case h.mode == cgroup.None:
		why = h.why
	case len(h.strangers) > 0:
		why = fmt.Sprintf("%s in our own group %s, which cannot be divided then", others(h.strangers), h.own)
	}
	switch {
	case why == "" && h.mode == cgroup.V2:
		return task.AllGroups, "", nil // we are in it too, and must step aside with the others
	case why == "" && asked == IsolationCgroup:
		return task.OwnGroups, "", nil
	case why == "":
		return task.AutoGroups, "", nil
	case asked == IsolationCgroup:
		return "", "", errors.New("contain the task in control groups (--isolation=cgroup): " + why + "; dewar doctor says what to do")
	}
	return task.NoGroups, why, nil
}

// others says which processes there are.
func others(pids []int) string {
	const most = 5
	if len(pids) == 1 {
		return fmt.Sprintf("process %d, which is not Dewar's, is", pids[0])
	}
	var names []string
	for _, pid := range pids[:min(most, len(pids))] {
		names = append(names, fmt.Sprint(pid))
	}
	text := strings.Join(names, ", ")
	if more := len(pids) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return "processes " + text + ", which are not Dewar's, are"
}

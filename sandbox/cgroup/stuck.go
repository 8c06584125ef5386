package cgroup

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Alive is the error of a Kill that ran out of time, and of a Remove that finds
// somebody: who is left.
type Alive struct {
	Group string
	Procs []Stuck // at most 20 are described
	More  int     // how many others there are
	Cause error   // ctx's, with why the kernel refused a KILL if it did; EBUSY of a Remove
}

// Stuck is one process that does not die.
type Stuck struct {
	Pid     int    `json:"pid"`
	Command string `json:"command"`
	State   string `json:"state"` // D, T, …: as ps says, of the thread that is left; "" if it has gone meanwhile
	Wchan   string `json:"wchan"` // where in the kernel it waits, if it says
	Group   string `json:"group"`
}

func (s Stuck) String() string {
	text := fmt.Sprintf("%d (%s)", s.Pid, s.Command)
	if s.State != "" {
		text += ", state " + s.State
	}
	if s.Wchan != "" {
		text += " in " + s.Wchan
	}
	return text
}

func (a *Alive) Error() string {
	var names []string
	for _, p := range a.Procs {
		names = append(names, p.String())
	}
	text := fmt.Sprintf("processes in group %s still live: %s", a.Group, strings.Join(names, "; "))
	if a.More > 0 {
		text += fmt.Sprintf("; and %d more", a.More)
	}
	return text + ": " + a.Cause.Error()
}

func (a *Alive) Unwrap() error { return a.Cause }

// alive describes who is left in a group.
func (g Group) alive(cause error) error {
	left := &Alive{Group: g.String(), Cause: cause}
	for _, dir := range g.made() {
		err := walk(dir, func(at string) error {
			found, err := procs1(at)
			if err != nil {
				return err
			}
			for _, pid := range found {
				left.add(pid, strings.TrimPrefix(at, g.above(dir)))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return left
}

// above is the part of a directory that String leaves out.
func (g Group) above(dir string) string { return strings.TrimSuffix(dir, g.String()) }

func (a *Alive) add(pid int, group string) {
	for _, p := range a.Procs {
		if p.Pid == pid {
			return
		}
	}
	if len(a.Procs) == most {
		a.More++
		return
	}
	one := describe(pid)
	one.Group = group
	a.Procs = append(a.Procs, one)
}

// describe looks at the thread that keeps a process: one in state D, else the
// first that is no zombie. The leader may be one long before the others go.
func describe(pid int) Stuck {
	one := Stuck{Pid: pid, Command: command(pid)}
	dir := "/proc/" + strconv.Itoa(pid) + "/task"
	threads, err := os.ReadDir(dir)
	if err != nil {
		return one // gone
	}
	for _, thread := range threads {
		tid, err := strconv.Atoi(thread.Name())
		if err != nil {
			continue
		}
		state := stateOf(tid)
		if one.State == "" || one.State == "Z" || one.State != "D" && state == "D" {
			one.State, one.Wchan = state, wchan(tid)
			if state != "Z" {
				one.Command = command(tid)
			}
		}
	}
	return one
}

// procs1 is who is in a directory itself.
func procs1(dir string) (found []int, err error) {
	err = withFile(dir+"/cgroup.procs", func(b []byte) { found = pids(nil, b) })
	if gone(err) || unsupported(err) {
		return nil, nil
	}
	return found, err
}

// command is a process' command line, or its name in brackets.
func command(pid int) string {
	dir := "/proc/" + strconv.Itoa(pid)
	if line, err := readFile(dir + "/cmdline"); err == nil && line != "" {
		line = strings.TrimRight(line, "\x00")
		line = strings.ReplaceAll(line, "\x00", " ")
		if len(line) > 200 {
			line = strings.ToValidUTF8(line[:200], "") + "…"
		}
		return line
	}
	if name, err := readFile(dir + "/comm"); err == nil {
		return "[" + name + "]"
	}
	return "?"
}

// stateOf is the letter in /proc/<pid>/stat, after the name's closing bracket.
func stateOf(pid int) (letter string) {
	err := withFile("/proc/"+strconv.Itoa(pid)+"/stat", func(b []byte) {
		if at := bytes.LastIndexByte(b, ')'); at >= 0 && at+2 < len(b) {
			letter = string(b[at+2 : at+3])
		}
	})
	if err != nil {
		return ""
	}
	return letter
}

// ownerOf is the process that a thread is of, 0 if it has gone.
func ownerOf(thread int) (pid int) {
	status, err := readFile("/proc/" + strconv.Itoa(thread) + "/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, "Tgid:"); ok {
			pid, _ = strconv.Atoi(strings.TrimSpace(value)) // the kernel writes a number
			break
		}
	}
	return pid
}

// wchan is where a process waits. "0" is: it runs, or the kernel does not say
// it to us.
func wchan(pid int) string {
	text, err := readFile("/proc/" + strconv.Itoa(pid) + "/wchan")
	if err != nil || text == "0" {
		return ""
	}
	return text
}

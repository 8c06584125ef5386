package task

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Bindings are the values of template variables, by their whole names:
// "profile.x", "thermos.ports[http]".
type Bindings map[string]string

// The variables that are bound when a task is launched, not by whoever writes
// or checks the file.
const (
	TaskIDVariable   = "thermos.task_id"
	InstanceVariable = "mesos.instance"
	HostnameVariable = "mesos.hostname"
)

// PortVariable is the variable of a named port.
func PortVariable(port string) string { return "thermos.ports[" + port + "]" }

// PortOf is the port that a variable stands for, "" if it is none.
func PortOf(variable string) string {
	if port, ok := strings.CutPrefix(variable, "thermos.ports["); ok {
		return strings.TrimSuffix(port, "]")
	}
	return ""
}

// IsLate tells the variables that are bound when a task is launched.
func IsLate(variable string) bool {
	return PortOf(variable) != "" || slices.Contains(lateVariables, variable)
}

var lateVariables = []string{TaskIDVariable, InstanceVariable, HostnameVariable}

// All are the launch's bindings: those that were given for it and those that
// are bound by it. Its file read with them is its task again.
func (l *Launch) All() Bindings {
	b := Bindings{}
	maps.Copy(b, l.Bindings)
	for port, number := range l.Ports {
		b[PortVariable(port)] = strconv.Itoa(number)
	}
	b[TaskIDVariable] = l.ID
	b[InstanceVariable] = strconv.Itoa(l.Instance)
	b[HostnameVariable] = l.Hostname
	return b
}

// CheckBinding says why a person cannot bind a name.
func CheckBinding(name string) error {
	switch {
	case !isVariable(name):
		return fmt.Errorf("%s cannot be bound: a name is made of letters, digits, - and _, with dots or [brackets] for parts, as in profile.port or size[small]", Quote(name))
	case isReserved(name):
		return fmt.Errorf("%s cannot be bound: names in thermos and mesos are bound by the launch", Quote(name))
	}
	return nil
}

func isReserved(name string) bool {
	scope := name[:len(name)-len(strings.TrimLeft(name, wordLetters))]
	return scope == "thermos" || scope == "mesos"
}

// missing is the sentence for a variable that has no value.
func (b Bindings) missing(name string) string {
	if IsLate(name) {
		return fmt.Sprintf("{{%s}} has no value yet: it is bound when the task is launched", name)
	}
	if isReserved(name) {
		known := append(slices.Clone(lateVariables), PortVariable("NAME"))
		if port := strings.Index(name, "["); port >= 0 {
			known = append(known, PortVariable(strings.Trim(name[port:], "[]")))
		}
		return fmt.Sprintf("there is no variable {{%s}}%s (in thermos and mesos there are %s)", name, didYouMean(name, known), strings.Join(known[:4], ", "))
	}
	hint := didYouMean(name, slices.Sorted(maps.Keys(b)))
	if hint == "" {
		hint = fmt.Sprintf("; give it one with --bind %s=VALUE, or write {{&%s}} for the text itself", name, name)
	}
	return fmt.Sprintf("{{%s}} has no value%s", name, hint)
}

const wordLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

// isVariable accepts word(.word|[key])*, where a word does not begin with a
// digit or a dash.
func isVariable(name string) bool {
	rest, ok := cutWord(name)
	for ok && rest != "" {
		switch rest[0] {
		case '.':
			rest, ok = cutWord(rest[1:])
		case '[':
			key := strings.TrimLeft(rest[1:], wordLetters+".")
			ok = len(key) < len(rest)-1 && strings.HasPrefix(key, "]")
			rest = strings.TrimPrefix(key, "]")
		default:
			ok = false
		}
	}
	return ok
}

func cutWord(text string) (rest string, ok bool) {
	rest = strings.TrimLeft(text, wordLetters)
	return rest, len(rest) < len(text) && !strings.ContainsRune("0123456789-", rune(text[0]))
}

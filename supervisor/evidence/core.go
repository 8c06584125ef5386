package evidence

import (
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
)

// Corpse is a process that died with a core file.
type Corpse struct {
	Pid     int
	UID     int
	GID     int
	Signal  int
	Command string // its name, as in /proc/<pid>/comm; "" if that is not known
	Cwd     string
}

// CoreHint is a sentence that says where the kernel has put the core file of a
// process, as /proc/sys/kernel/core_pattern has it now.
func CoreHint(c Corpse) string {
	pattern, err := os.ReadFile("/proc/sys/kernel/core_pattern")
	if err != nil {
		return "where its core file is is not known: " + err.Error()
	}
	usesPid, err := os.ReadFile("/proc/sys/kernel/core_uses_pid")
	host, hostErr := os.Hostname()
	if hostErr != nil {
		host = "*"
	}
	return coreAt(strings.TrimSuffix(string(pattern), "\n"), err == nil && strings.TrimSpace(string(usesPid)) == "1", host, c)
}

// coreAt is CoreHint by core(5). What cannot be known afterwards is a *.
func coreAt(pattern string, usesPid bool, host string, c Corpse) string {
	if program, piped := strings.CutPrefix(pattern, "|"); piped {
		return fmt.Sprintf("its core was given to a program of the machine's (kernel.core_pattern): %s", program)
	}
	if pattern == "" {
		pattern = "."
		usesPid = true
	}
	name, named := expand(pattern, host, c)
	if usesPid && !named {
		name += "." + strconv.Itoa(c.Pid)
	}
	if !path.IsAbs(name) {
		name = path.Join(c.Cwd, name)
	}
	return fmt.Sprintf("its core file was written to %s (kernel.core_pattern is %s)", name, pattern)
}

// expand replaces what a pattern has of %; withPid says that the pid was among it.
func expand(pattern, host string, c Corpse) (name string, withPid bool) {
	command := c.Command
	if command == "" {
		command = "*"
	}
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		if pattern[i] != '%' || i+1 == len(pattern) {
			b.WriteByte(pattern[i])
			continue
		}
		i++
		switch pattern[i] {
		case '%':
			b.WriteByte('%')
		case 'p', 'P':
			b.WriteString(strconv.Itoa(c.Pid))
			withPid = true
		case 'u':
			b.WriteString(strconv.Itoa(c.UID))
		case 'g':
			b.WriteString(strconv.Itoa(c.GID))
		case 's':
			b.WriteString(strconv.Itoa(c.Signal))
		case 'h':
			b.WriteString(host)
		case 'e', 'f':
			b.WriteString(strings.ReplaceAll(command, "/", "!"))
		default: // %t, %c, %d, %i, %I, %E, %C, %F
			b.WriteByte('*')
		}
	}
	return b.String(), withPid
}

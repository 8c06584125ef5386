// Package host says what machine this is, as far as it matters for figures and
// for the results of long tests.
package host

import (
	"bufio"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
)

// Facts are the machine, the program's commit and who runs it.
type Facts struct {
	CPU        string  `json:"cpu"`
	Cores      int     `json:"cores"`
	MemoryMB   int     `json:"memory_mb"`
	Kernel     string  `json:"kernel"`
	Go         string  `json:"go"`
	Commit     string  `json:"commit"`
	Who        string  `json:"who"`
	LoadBefore float64 `json:"load_before"`
	LoadAfter  float64 `json:"load_after"`
}

// Look finds the facts. What cannot be found stays empty or 0.
func Look() Facts {
	who := "an ordinary user"
	if os.Geteuid() == 0 {
		who = "root"
	}
	return Facts{
		CPU: Field("/proc/cpuinfo", "model name"), Cores: runtime.NumCPU(), MemoryMB: memory() / 1024,
		Kernel: Line("/proc/sys/kernel/osrelease"), Go: runtime.Version(), Commit: commit(), Who: who,
		LoadBefore: LoadAverage(),
	}
}

// memory is the machine's, in kB; 0 if it does not say.
func memory() int {
	kb, err := strconv.Atoi(strings.TrimSuffix(Field("/proc/meminfo", "MemTotal"), " kB"))
	if err != nil {
		return 0
	}
	return kb
}

// Field is the value of the first "name : value" of a file, or "".
func Field(file, name string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close() // only read
	for s := bufio.NewScanner(f); s.Scan(); {
		if key, value, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// Line is the first line of a file, or "".
func Line(file string) string {
	content, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(string(content), "\n")
	return first
}

// LoadAverage is that of the last minute.
func LoadAverage() float64 {
	first, _, _ := strings.Cut(Line("/proc/loadavg"), " ")
	load, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return -1
	}
	return load
}

func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

package test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/dewarhq/dewar/test/needs"
)

const module = "github.com/dewarhq/dewar/"

// ours are the packages of this module and what of this module each may lead
// to, directly or not. A package that is not here has no place in the drawing
// of docs/internals.md: find it one.
var ours = []struct {
	pkg string
	may string // separated by spaces
	why string
}{
	{pkg: "task", why: "the words: pure, everybody's"},
	{pkg: "task/file", may: "task", why: "files that people write; the YAML library stays out of the brain"},
	{pkg: "healthcheck/judge", may: "task", why: "pure: answers in, a verdict out"},
	{pkg: "supervisor/journal", why: "it knows nothing of tasks"},
	{pkg: "supervisor/machine", may: "healthcheck/judge task", why: "pure: it decides, and knows nothing of journals or processes"},
	{pkg: "supervisor/shim", why: "the resident shim has to be tiny"},
	{pkg: "supervisor/shim/client", may: "supervisor/shim task", why: "the brain's side of the shim"},
	{pkg: "supervisor/evidence", may: "sandbox sandbox/cgroup sandbox/disk supervisor/shim task", why: "it looks at processes and logs, and decides nothing"},
	{pkg: "supervisor/control", may: "healthcheck/judge supervisor/machine task", why: "the door's client; the CLI uses it without being a brain"},
	{pkg: "sandbox", may: "sandbox/cgroup sandbox/disk task", why: "places, not processes"},
	{pkg: "sandbox/cgroup", why: "the kernel's files: it knows nothing of tasks"},
	{pkg: "sandbox/cgroup/scope", why: "D-Bus, for who starts a task by hand"},
	{pkg: "sandbox/container", may: "task", why: "it says what walls are to be; what builds them must not come into the brain"},
	{pkg: "sandbox/disk", why: "bytes and quotas of a directory: it knows nothing of tasks"},
	{pkg: "healthcheck", may: "healthcheck/judge task", why: "it asks, and knows neither runs nor journals"},
	{pkg: "healthcheck/watch", may: "healthcheck healthcheck/judge task", why: "it knows the time, and not what is asked"},
	{pkg: "healthcheck/command", may: "healthcheck healthcheck/judge sandbox sandbox/cgroup sandbox/disk supervisor/shim supervisor/shim/client task", why: "it runs a command as the shim starts a run, and knows no journal"},
	{pkg: "healthcheck/notify", may: "healthcheck healthcheck/judge supervisor/shim task", why: "it reads what the shim has heard"},
	{pkg: "healthcheck/socket", may: "healthcheck healthcheck/judge task", why: "it asks over sockets, and looks at files; it knows no run"},
	{pkg: "supervisor", may: "healthcheck healthcheck/command healthcheck/judge healthcheck/notify healthcheck/socket healthcheck/watch sandbox sandbox/cgroup sandbox/container sandbox/disk supervisor/control supervisor/evidence supervisor/journal supervisor/machine supervisor/shim supervisor/shim/client task",
		why: "it runs a task, whoever reads or asked"},
	{pkg: "observer", may: "healthcheck/judge sandbox sandbox/cgroup sandbox/disk supervisor/journal supervisor/machine supervisor/shim supervisor/shim/client task",
		why: "it reads what is there and trusts no brain"},
	{pkg: "observer/usage", may: "healthcheck/judge observer sandbox sandbox/cgroup sandbox/disk supervisor/journal supervisor/machine supervisor/shim supervisor/shim/client task",
		why: "it reads the kernel's books of a task, and leads to gopsutil"},
	{pkg: "launch", may: "healthcheck/judge observer sandbox sandbox/cgroup sandbox/cgroup/scope sandbox/container sandbox/disk supervisor/control supervisor/journal supervisor/machine supervisor/shim supervisor/shim/client task task/file",
		why: "it makes task directories and starts shims"},
}

// outside are packages of others, with the only packages of ours that may lead
// to them.
var outside = []struct {
	pkg  string // and all below it
	only string // packages of ours, and all below them
	why  string
}{
	{"github.com/spf13/cobra", "cmd", "flags are a command's affair"},
	{"github.com/charmbracelet", "cli cmd/dewar", "only the CLI draws"},
	{"github.com/shirou/gopsutil", "observer/usage cli cmd/dewar test", "one fallback for tasks without groups; nothing that stays links it"},
	{"github.com/opencontainers/runc", "cmd/dewar-container", "it is large, needs cgo, and is only for who builds walls"},
	{"github.com/goccy/go-yaml", "task/file launch cmd/dewar", "only who reads people's files reads YAML"},
	{"testing", "test", "no program carries the test library"},
}

// direct are packages that one of ours must not import itself. (Through fmt
// everything leads to os.)
var direct = []struct {
	pkg string
	not string
	why string
}{
	{"task", impure, "it is pure"},
	{"healthcheck/judge", impure, "it is pure: the time is an argument"},
	{"supervisor/machine", impure, "it is pure: now and randomness are arguments, acts are values"},
}

const impure = "os os/exec os/user net net/http syscall golang.org/x/sys/unix log log/slog math/rand math/rand/v2 crypto/rand context sync"

// never are packages that one of ours, and its programs, must not lead to.
var never = []struct {
	pkg string
	not string
	why string
}{
	{"supervisor/shim", "fmt net encoding/json os/exec reflect regexp log flag text/template", "one lives for every task, for ever: it has to be tiny"},
	{"cmd/dewar-shim", "fmt net encoding/json os/exec reflect regexp log flag text/template", "likewise"},
	{"supervisor/journal", "encoding/json net os/exec", "it frames bytes and does not read them"},
	{"cmd/dewar", module + "supervisor net/http", "it is never itself a brain, and people run it often"},
	{"cmd/dewar-executor", module + "observer " + module + "launch " + module + "task/file github.com/spf13/cobra", "one brain lives for every task"},
}

// listed is what `go list` says of a package.
type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func TestImports(t *testing.T) {
	all := list(t)
	t.Run("ours", func(t *testing.T) { checkOurs(t, all) })
	t.Run("outside", func(t *testing.T) { checkOutside(t, all) })
	for _, rule := range direct {
		reject(t, rule.pkg, rule.not, rule.why, all[rule.pkg].Imports)
	}
	for _, rule := range never {
		if _, ok := all[rule.pkg]; !ok {
			t.Errorf("the table of this test has %s, which does not exist", rule.pkg)
		}
		reject(t, rule.pkg, rule.not, rule.why, all[rule.pkg].Deps)
	}
}

func checkOurs(t *testing.T, all map[string]listed) {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if below(name, "cmd cli test") { // top of the drawing; see outside and never
			continue
		}
		at := slices.IndexFunc(ours, func(rule struct{ pkg, may, why string }) bool { return rule.pkg == name })
		if at < 0 {
			t.Errorf("%s is not in the table of this test: say what it may import, and why", name)
			continue
		}
		for _, dep := range all[name].Deps {
			if dep, ok := strings.CutPrefix(dep, module); ok && !slices.Contains(strings.Fields(ours[at].may), dep) {
				t.Errorf("%s leads to %s, which it may not: %s", name, dep, ours[at].why)
			}
		}
	}
	for _, rule := range ours {
		if _, ok := all[rule.pkg]; !ok {
			t.Errorf("the table of this test has %s, which does not exist", rule.pkg)
		}
	}
}

func checkOutside(t *testing.T, all map[string]listed) {
	for name, p := range all {
		for _, rule := range outside {
			for _, dep := range p.Deps {
				if below(dep, rule.pkg) && !below(name, rule.only) {
					t.Errorf("%s leads to %s, and only %s may: %s", name, dep, rule.only, rule.why)
				}
			}
		}
	}
}

func reject(t *testing.T, pkg, not, why string, has []string) {
	for _, dep := range has {
		if slices.Contains(strings.Fields(not), dep) {
			t.Errorf("%s leads to %s: %s", pkg, dep, why)
		}
	}
}

// below says whether name is one of tops, or in a directory below one.
func below(name, tops string) bool {
	return slices.ContainsFunc(strings.Fields(tops), func(top string) bool {
		return name == top || strings.HasPrefix(name, top+"/")
	})
}

// list asks the go command for the packages of the module, by their names
// within it, without their tests.
func list(t *testing.T) map[string]listed {
	t.Helper()
	out, err := exec.Command(needs.Go(t), "list", "-deps", "-json=ImportPath,Imports,Deps", module+"...").Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Logf("%s", exit.Stderr)
		}
		t.Fatalf("go list: %v", err)
	}
	all := map[string]listed{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatalf("read what go list says: %v", err)
		}
		if name, ok := strings.CutPrefix(p.ImportPath, module); ok {
			all[name] = p
		}
	}
}

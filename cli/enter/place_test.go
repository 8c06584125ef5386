package enter

import (
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/observer"
	"github.com/dewarhq/dewar/supervisor/machine"
)

func TestParseLimits(t *testing.T) {
	const text = `Limit                     Soft Limit           Hard Limit           Units     
Max cpu time              unlimited            unlimited            seconds   
Max core file size        0                    unlimited            bytes     
Max processes             96365                96365                processes 
Max open files            1024                 524288               files     
Max nice priority         0                    0                    
Max something new         1                    2                    things
`
	want := []Rlimit{
		{unix.RLIMIT_CPU, unix.RLIM_INFINITY, unix.RLIM_INFINITY}, {unix.RLIMIT_CORE, 0, unix.RLIM_INFINITY},
		{unix.RLIMIT_NPROC, 96365, 96365}, {unix.RLIMIT_NOFILE, 1024, 524288}, {unix.RLIMIT_NICE, 0, 0},
	}
	if diff := cmp.Diff(want, parseLimits(text)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	own, err := os.ReadFile("/proc/self/limits")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(parseLimits(string(own))); n != len(names) {
		t.Errorf("of our own limits %d are known, not %d:\n%s", n, len(names), own)
	}
}

func TestChoose(t *testing.T) {
	process := func(name string, state machine.RunState) machine.ProcessState {
		return machine.ProcessState{Name: name, State: state, History: []machine.Run{{Run: 3, State: state}}}
	}
	of := func(p ...machine.ProcessState) *observer.View {
		return &observer.View{ID: "t", State: machine.State{Processes: p}}
	}
	running, ended := process("web", machine.Running), process("db", machine.RunFailed)
	other := process("api", machine.Running)
	for name, c := range map[string]struct {
		view    *observer.View
		process string
		want    string
	}{
		"named":           {of(running, ended), "web", "3"},
		"the only one":    {of(running, ended), "", "3"},
		"one of two":      {of(running, other), "", `2 processes of task t run, say in whose place: "web", "api"`},
		"none":            {of(ended), "", "no process of task t runs"},
		"one that ended":  {of(running, ended), "db", `process "db" of task t does not run: it is FAILED`},
		"one that is not": {of(running), "nobody", `task t has no process "nobody"`},
	} {
		run, err := choose(c.view, c.process)
		got := fmt.Sprint(err)
		if err == nil {
			got = fmt.Sprint(run.Run)
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

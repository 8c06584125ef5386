package launch

import (
	"testing"

	"github.com/dewarhq/dewar/sandbox/cgroup"
	"github.com/dewarhq/dewar/task"
)

func TestContain(t *testing.T) {
	none := host{mode: cgroup.None, why: "no group can be made in /sys/fs/cgroup: permission denied"}
	crowded := host{mode: cgroup.V2, own: "/sys/fs/cgroup/login", strangers: []int{10}}
	many := host{mode: cgroup.V2, own: "/g", strangers: []int{1, 2, 3, 4, 5, 6, 7}}
	for name, c := range map[string]struct {
		asked  Isolation
		host   host
		groups task.Groups
		why    string
		err    string
	}{
		"auto, v2":            {IsolationAuto, host{mode: cgroup.V2}, task.AllGroups, "", ""},
		"auto, hybrid":        {IsolationAuto, host{mode: cgroup.Hybrid}, task.AutoGroups, "", ""},
		"auto, none":          {IsolationAuto, none, task.NoGroups, none.why, ""},
		"auto, a shell":       {IsolationAuto, crowded, task.NoGroups, "process 10, which is not Dewar's, is in our own group /sys/fs/cgroup/login, which cannot be divided then", ""},
		"auto, many":          {IsolationAuto, many, task.NoGroups, "processes 1, 2, 3, 4, 5 and 2 more, which are not Dewar's, are in our own group /g, which cannot be divided then", ""},
		"cgroup, v2":          {IsolationCgroup, host{mode: cgroup.V2}, task.AllGroups, "", ""},
		"none, v2":            {IsolationNone, host{mode: cgroup.V2}, task.NoGroups, "it was started with --isolation=none", ""},
		"cgroup, v1":          {IsolationCgroup, host{mode: cgroup.V1}, task.OwnGroups, "", ""},
		"cgroup, where not":   {IsolationCgroup, none, "", "", "contain the task in control groups (--isolation=cgroup): " + none.why + "; dewar doctor says what to do"},
		"cgroup, not ours":    {IsolationCgroup, crowded, "", "", "contain the task in control groups (--isolation=cgroup): process 10, which is not Dewar's, is in our own group /sys/fs/cgroup/login, which cannot be divided then; dewar doctor says what to do"},
		"none, where nothing": {IsolationNone, none, task.NoGroups, "it was started with --isolation=none", ""},
	} {
		t.Run(name, func(t *testing.T) {
			groups, why, err := contain(c.asked, c.host)
			said := ""
			if err != nil {
				said = err.Error()
			}
			if groups != c.groups || why != c.why || said != c.err {
				t.Errorf("%q, %q, %q; want %q, %q, %q", groups, why, said, c.groups, c.why, c.err)
			}
		})
	}
}

func TestParseIsolation(t *testing.T) {
	for text, want := range map[string]Isolation{"": IsolationAuto, "auto": IsolationAuto, "none": IsolationNone, "cgroup": IsolationCgroup, "Cgroup": ""} {
		if got, err := ParseIsolation(text); got != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v; want %q", text, got, err, want)
		}
	}
}

// What a task starts is not led out of it.
func TestScopedOnlyOutsideOfATask(t *testing.T) {
	for _, h := range []host{{mode: cgroup.None}, {mode: cgroup.V2, strangers: []int{1}}} {
		if !h.scoped() {
			t.Errorf("%+v would be helped by a scope", h)
		}
		h.inTask = true
		if h.scoped() {
			t.Errorf("%+v would leave its task", h)
		}
	}
	if (host{mode: cgroup.V2}).scoped() {
		t.Error("a group of our own needs no scope")
	}
}

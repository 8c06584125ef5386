package task

import "fmt"

// Validate finds everything for which a task is refused. Each sentence says
// what to change. A task without problems can be run: every name in it leads
// somewhere, and its graph can be walked to an end.
//
// It wants defaults filled in, and takes templates for plain text.
func (t *Task) Validate() Problems {
	v := &validation{Task: t, index: t.indexes()}
	v.task()
	for i := range t.Processes {
		v.process(i)
	}
	v.order()
	return v.found
}

type validation struct {
	*Task
	index map[string]int
	found Problems
	hints int // suggestions made for unknown names
}

func (v *validation) add(path Path, format string, args ...any) {
	v.found = append(v.found, Problem{path, fmt.Sprintf(format, args...)})
}

// addErr reports err, if there is one; its text continues the sentence.
func (v *validation) addErr(path Path, err error, format string, args ...any) {
	if err != nil {
		v.add(path, "%s %s", fmt.Sprintf(format, args...), err)
	}
}

func (v *validation) task() {
	if len(v.Processes) == 0 {
		v.add(Path{"processes"}, "the task has no process: give at least one")
		return
	}
	if v.Name != v.Processes[0].Name { // by default it is the same, and is reported there
		v.addErr(Path{"name"}, CheckName(v.Name), "the task's name %s", Quote(v.Name))
	}
	v.count(Path{"max_failures"}, v.MaxFailures, "0 means that no number of failed processes fails the task")
	v.count(Path{"max_concurrency"}, v.MaxConcurrency, "0 means that any number of processes may run at once")
	v.span(Path{"finalization_wait"}, v.FinalizationWait)
	v.resources(Path{"resources"}, v.Resources)
	choice(v, Path{"oom"}, v.OOM, OOMs)
	choice(v, Path{"disk_action"}, v.DiskAction, DiskActions)
	v.attributes(Path{}, &v.Attributes)
	v.isolation(v.Isolation)
	if v.Check != nil {
		v.checks([]askedCheck{{"", Path{"check"}, v.Check}})
	}
	v.lifecycle(v.Lifecycle)
}

func (v *validation) count(path Path, n int, zero string) {
	if n < 0 {
		v.add(path, "%s is %d: it cannot be negative (%s)", last(path), n, zero)
	}
}

func (v *validation) span(path Path, d Duration) {
	if d < 0 {
		v.add(path, "%s is %s: it cannot be negative", last(path), d)
	}
}

func (v *validation) positiveSpan(path Path, d Duration) {
	if d <= 0 {
		v.add(path, "%s is %s: it must be positive", last(path), d)
	}
}

func last(path Path) any { return path[len(path)-1] }

package task

import (
	"encoding/json"
	"time"
)

// DefaultTask is a task in which every field that has a default holds it. The
// name's default, the first process' name, comes with FillIn.
func DefaultTask() Task {
	return Task{
		MaxFailures:      1,
		FinalizationWait: Duration(30 * time.Second),
		NoNewPrivs:       true,
		OOM:              OOMProcess,
		DiskAction:       DiskFail,
	}
}

// DefaultProcess is a process in which every field that has a default holds it.
func DefaultProcess() Process {
	return Process{
		MaxFailures:  1,
		MinDuration:  Duration(5 * time.Second),
		Logger:       DefaultLogger(),
		ReadyTimeout: Duration(10 * time.Minute),
		StopSignal:   "TERM",
		StopTo:       StopGroup,
		StopTimeout:  Duration(10 * time.Second),
	}
}

// DefaultLogger writes to files that nothing bounds.
func DefaultLogger() Logger {
	return Logger{
		Destination: ToFile,
		Mode:        LogStandard,
		Rotate:      Rotate{LogSize: 100 << 20, Backups: 5},
	}
}

// FillIn sets those fields that are empty and whose default is another field:
// the task's name, the condition of an edge and what happens when it is lost,
// the reset of a backoff, a hard quota of as many CPUs as cpu says, names,
// actions and ports of checks.
func (t *Task) FillIn() {
	t.Resources.fillIn()
	t.fillInChecks()
	if t.Name == "" && len(t.Processes) > 0 {
		t.Name = t.Processes[0].Name
	}
	for i := range t.Processes {
		p := &t.Processes[i]
		p.Resources.fillIn()
		if p.Backoff != nil && p.Backoff.Reset == 0 {
			p.Backoff.Reset = p.Backoff.Max
		}
		for j := range p.After {
			p.After[j].fillIn()
		}
	}
}

func (e *Edge) fillIn() {
	if e.When == "" {
		e.When = WhenSuccess
	}
	if e.OnLost == "" && e.CanBeLost() {
		e.OnLost = LostIgnore
	}
}

// UnmarshalJSON gives absent fields their defaults. Unknown fields are passed
// over: a newer version may have written them.
func (t *Task) UnmarshalJSON(data []byte) error {
	type plain Task
	p := plain(DefaultTask())
	if err := json.Unmarshal(data, &p); err != nil {
		return err
	}
	*t = Task(p)
	t.FillIn()
	return nil
}

// UnmarshalJSON gives absent fields their defaults. Unknown fields are passed
// over: a newer version may have written them.
func (p *Process) UnmarshalJSON(data []byte) error {
	type plain Process
	q := plain(DefaultProcess())
	if err := json.Unmarshal(data, &q); err != nil {
		return err
	}
	*p = Process(q)
	return nil
}

package usage

import (
	"errors"
	"io/fs"

	"github.com/dewarhq/dewar/observer"
	"github.com/dewarhq/dewar/sandbox/cgroup"
)

// Meter samples one task again and again, at a fraction of what Read costs: it
// keeps the files of its groups open, up to cgroup.MeterFiles of the task and of
// each process. The zero Meter is one that has none open yet.
type Meter struct {
	task      *cgroup.Meter
	processes map[string]*cgroup.Meter
}

// Read is as the function Read is, but for limits, which may be those of a few
// samples before: whoever knows that they have changed closes the Meter first.
func (m *Meter) Read(v *observer.View) (Sample, error) {
	return read(v, func(s *Sample, v *observer.View, tree *cgroup.Tree) error {
		return s.fromGroups(v,
			func() (cgroup.Usage, error) { return m.readTask(tree.Task()) },
			func(name string) (cgroup.Usage, error) { return m.readProcess(name, tree.Process(name)) })
	})
}

func (m *Meter) readTask(g cgroup.Group) (u cgroup.Usage, err error) {
	if m.task == nil {
		if m.task, err = g.Meter(nil); err != nil {
			m.task = nil
			return u, err
		}
	}
	if u, err = m.task.Read(); err != nil {
		err = errors.Join(err, m.Close())
	}
	return u, err
}

// readProcess reads a leaf. One that is gone may have been made anew: each run
// has a new one.
func (m *Meter) readProcess(name string, g cgroup.Group) (cgroup.Usage, error) {
	if one := m.processes[name]; one != nil {
		u, err := one.Read()
		if !errors.Is(err, fs.ErrNotExist) {
			return u, err
		}
		delete(m.processes, name)
		if err := one.Close(); err != nil {
			return u, err
		}
	}
	one, err := g.Meter(m.task)
	if err != nil {
		return cgroup.Usage{}, err
	}
	if m.processes == nil {
		m.processes = make(map[string]*cgroup.Meter)
	}
	m.processes[name] = one
	return one.Read()
}

// Close gives the descriptors back. The Meter can be used on.
func (m *Meter) Close() error {
	var all []error
	if m.task != nil {
		all = append(all, m.task.Close())
	}
	for _, one := range m.processes {
		all = append(all, one.Close())
	}
	*m = Meter{}
	return errors.Join(all...)
}

// open is how many descriptors the Meter has at most.
func (m *Meter) open() int {
	if m.task == nil {
		return 0
	}
	return cgroup.MeterFiles * (1 + len(m.processes))
}

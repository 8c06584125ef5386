package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"

	"golang.org/x/sys/unix"
)

// Usage is what a group and those below it use and have used. -1 is: the kernel
// does not say; for a limit: there is none.
type Usage struct {
	CPU       time.Duration `json:"cpu"` // user and system
	User      time.Duration `json:"user"`
	System    time.Duration `json:"system"`
	Throttled time.Duration `json:"throttled"` // by CPUHard
	Periods   int64         `json:"periods"`   // of CPUHard, 100 ms
	Hits      int64         `json:"hits"`      // periods that were throttled

	Memory      int64 `json:"memory"` // bytes
	MemoryPeak  int64 `json:"memory_peak"`
	MemoryLimit int64 `json:"memory_limit"`
	Swap        int64 `json:"swap"`
	Pids        int64 `json:"pids"`
	PidsLimit   int64 `json:"pids_limit"`
	IORead      int64 `json:"io_read"` // bytes
	IOWrite     int64 `json:"io_write"`

	PressureCPU    Pressure `json:"pressure_cpu"`
	PressureMemory Pressure `json:"pressure_memory"`
	PressureIO     Pressure `json:"pressure_io"`
}

// Pressure is how much of the last 10 s somebody, or everybody, in the group
// stood waiting: per cent; -1 where the kernel does not say.
type Pressure struct {
	Some float64 `json:"some"`
	Full float64 `json:"full"`
}

// Usage reads what the group uses. A controller that the group does not have is
// no error; a group that is gone is one (fs.ErrNotExist). Whoever reads often
// keeps a Meter.
func (g Group) Usage() (Usage, error) {
	m, err := g.Meter()
	if err != nil {
		return Usage{}, err
	}
	u, err := m.Read()
	return u, errors.Join(err, m.Close())
}

// Meter reads one group's usage again and again. It keeps the kernel's files
// open, at most 14 descriptors, because opening costs five times as much as
// reading. It is for one goroutine.
type Meter struct {
	group Group
	files []gauge
	buf   []byte
	said  Usage
}

// gauge is an open file and what it says.
type gauge struct {
	fd    int
	name  string
	learn func(*Usage, []byte)
}

// Meter opens the group's files. A group that is not there is fs.ErrNotExist.
func (g Group) Meter() (*Meter, error) {
	m := &Meter{group: g, buf: make([]byte, 4096)}
	err := m.open()
	if err == nil && len(m.files) == 0 {
		err = fmt.Errorf("read the usage of group %s: %w", g, fs.ErrNotExist)
	}
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

func (m *Meter) open() error {
	for _, one := range gauges {
		dir, name := m.group.unified(), one.v2
		if one.v1 != "" {
			if at := m.group.v1(one.controller); at != "" {
				dir, name = at, one.v1
			}
		}
		if dir == "" || name == "" {
			continue
		}
		fd, err := open(path.Join(dir, name), unix.O_RDONLY)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		learn := one.learn
		if name == one.v1 && one.learnV1 != nil {
			learn = one.learnV1
		}
		m.files = append(m.files, gauge{fd: fd, name: path.Join(dir, name), learn: learn})
	}
	return nil
}

// Read reads all the files once. Memory is as fresh as the kernel keeps it.
func (m *Meter) Read() (Usage, error) {
	m.said = nothing
	for _, one := range m.files {
		n, err := unix.Pread(one.fd, m.buf, 0)
		for n == len(m.buf) { // io.stat of a machine with many devices
			m.buf = make([]byte, 2*len(m.buf))
			n, err = unix.Pread(one.fd, m.buf, 0)
		}
		switch {
		case gone(err):
			return Usage{}, fmt.Errorf("read the usage of group %s: %w", m.group, fs.ErrNotExist)
		case unsupported(err): // pressure, where it was switched off at boot
		case err != nil:
			return Usage{}, fmt.Errorf("read %s: %w", one.name, err)
		default:
			one.learn(&m.said, m.buf[:n])
		}
	}
	return m.said, nil
}

// Close gives the descriptors back.
func (m *Meter) Close() error {
	var all []error
	for _, one := range m.files {
		all = append(all, unix.Close(one.fd))
	}
	m.files = nil
	return errors.Join(all...)
}

package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"

	"golang.org/x/sys/unix"
)

// Meter reads one group's usage again and again. It keeps the kernel's files
// open, at most MeterFiles descriptors, because opening costs five times as much
// as reading, and does not read what cannot have changed. It is for one
// goroutine.
type Meter struct {
	group  Group
	within *Meter
	files  []gauge
	buf    []byte
	said   Usage

	turn     int               // of Read; at 0 everything is read
	ran      time.Duration     // processor time at the reading before
	swapless bool              // the machine has no swap
	now      time.Time         // of this reading
	asked    [stalls]time.Time // when each pressure was last read
	waited   [stalls]int64     // for how long somebody did, in all, in microseconds
	stirred  [stalls]time.Time // when that was last seen to grow
}

// MeterFiles is how many descriptors a Meter has at most.
const MeterFiles = 14

// gauge is an open file and what it says.
type gauge struct {
	fd    int
	name  string
	learn func(*Meter, []byte)
	rests func(*Meter) bool // it need not be read now; nil: it always is
}

// Meter opens the group's files. A group that is not there is fs.ErrNotExist.
//
// Within is the Meter of a group above, and read each time before this one: if
// nobody waited for memory there, then nobody did here. It may be nil.
func (g Group) Meter(within *Meter) (*Meter, error) {
	m := &Meter{group: g, within: within, buf: make([]byte, 4096), said: nothing}
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
		learn, rests := one.learn, one.rests
		if name == one.v1 && one.learnV1 != nil {
			learn = one.learnV1
		}
		m.files = append(m.files, gauge{fd: fd, name: path.Join(dir, name), learn: learn, rests: rests})
	}
	return nil
}

// seldom is how many readings there are to one that reads everything.
const seldom = 8

// Read reads the group's files. Memory is as fresh as the kernel keeps it. What
// was found seven readings ago at the latest: limits, a peak above what is seen
// used, whether the machine has swap at all; and of a group in which nobody ran,
// the count of its processes and the bytes that are written late for it.
func (m *Meter) Read() (Usage, error) {
	first := m.now.IsZero()
	m.now, m.ran = time.Now(), m.said.CPU
	if m.turn == 0 {
		m.swapless = !hasSwap()
	}
	for _, one := range m.files {
		if m.turn != 0 && one.rests != nil && one.rests(m) {
			continue
		}
		if err := m.read(one); err != nil {
			return Usage{}, err
		}
	}
	if m.said.MemoryPeak >= 0 {
		m.said.MemoryPeak = max(m.said.MemoryPeak, m.said.Memory)
	}
	m.turn = (m.turn + 1) % seldom
	if first { // so that of many, few read everything at a time
		m.turn = m.files[0].fd % seldom
	}
	return m.said, nil
}

func (m *Meter) read(one gauge) error {
	n, err := unix.Pread(one.fd, m.buf, 0)
	for n == len(m.buf) { // io.stat of a machine with many devices
		m.buf = make([]byte, 2*len(m.buf))
		n, err = unix.Pread(one.fd, m.buf, 0)
	}
	switch {
	case gone(err):
		return fmt.Errorf("read the usage of group %s: %w", m.group, fs.ErrNotExist)
	case unsupported(err): // pressure, where it was switched off at boot
	case err != nil:
		return fmt.Errorf("read %s: %w", one.name, err)
	default:
		one.learn(m, m.buf[:n])
	}
	return nil
}

// hasSwap says whether the machine has any, or cannot be asked.
func hasSwap() bool {
	var info unix.Sysinfo_t
	return unix.Sysinfo(&info) != nil || info.Totalswap > 0
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

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Names in the guest that both sides know.
const (
	initProgram = "/init"     // in the initramfs
	jobFile     = "/job.json" // in the initramfs
	moduleDir   = "/modules"  // in the initramfs, *.ko
	rootTag     = "root"      // of the virtiofs file system that is the host's root
	portName    = "dewar.vm"  // of the serial port that carries frames
)

// job is what the guest is to do; it lies in the initramfs.
type job struct {
	Args    []string
	Env     []string
	Dir     string
	UID     int
	GID     int
	Groups  []int
	Cgroup  string   // v2, v1 or hybrid
	Own     bool     // the command's v2 group belongs to UID
	Modules []string // names of files in moduleDir, in the order of loading
	Disks   []disk   // the first is /dev/vda
	Systemd bool     // systemd is the first process and starts the command as a service
}

// disk is a file system on a disk of its own.
type disk struct {
	Type string // ext4, xfs
	Dir  string // where it is mounted
}

// verdict ends a guest's work: the command's exit status, or why there is none.
type verdict struct {
	Status int
	Error  string `json:",omitempty"`
}

// A frame is a kind, a length (4 bytes, big-endian) and as many bytes.
const (
	frameOut     = 'o' // the command's standard output
	frameErr     = 'e' // its standard error
	frameVerdict = 'v' // JSON; nothing follows it
	maxFrame     = 64 << 10
)

// frameWriter writes frames, from several goroutines if need be.
type frameWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (f *frameWriter) write(kind byte, data []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for first := true; first || len(data) > 0; first = false {
		n := min(len(data), maxFrame)
		frame := binary.BigEndian.AppendUint32([]byte{kind}, uint32(n))
		if _, err := f.w.Write(append(frame, data[:n]...)); err != nil {
			return fmt.Errorf("write a frame: %w", err)
		}
		data = data[n:]
	}
	return nil
}

// readFrame reads one frame. io.EOF means that there was none; an end within
// one is io.ErrUnexpectedEOF.
func readFrame(r io.Reader) (kind byte, data []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > maxFrame {
		return 0, nil, fmt.Errorf("read a frame: %d bytes are more than %d", n, maxFrame)
	}
	data = make([]byte, n)
	if _, err := io.ReadFull(r, data); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, err
	}
	return head[0], data, nil
}

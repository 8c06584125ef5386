package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// guest is what this program does as the guest's first process. It never
// returns, for without a first process a kernel panics.
func guest() {
	port, err := prepare()
	if err != nil {
		giveUp(err)
	}
	conclude(port, serve)
}

// conclude runs work and tells the host how it ended, which then switches the
// guest off.
func conclude(port *os.File, work func(*frameWriter) (int, error)) {
	frames := &frameWriter{w: port}
	v := verdict{}
	var err error
	if v.Status, err = work(frames); err != nil {
		v = verdict{Status: statusBroken, Error: err.Error()}
	}
	data, err := json.Marshal(v)
	if err == nil {
		err = frames.write(frameVerdict, data)
	}
	if err != nil {
		giveUp(err)
	}
	for {
		time.Sleep(time.Hour)
	}
}

// giveUp says why on the console, and ends the guest.
func giveUp(err error) {
	fmt.Fprintf(os.Stderr, "%s%v\n", consoleMark, err)
	err = unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
	panic(err)
}

// prepare makes the guest able to talk: its modules and its port.
func prepare() (*os.File, error) {
	for _, m := range []mount{
		{"proc", "/proc", "proc", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, ""},
		{"sysfs", "/sys", "sysfs", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, ""},
		{"devtmpfs", "/dev", "devtmpfs", unix.MS_NOSUID, ""},
	} {
		if err := m.do(); err != nil {
			return nil, err
		}
	}
	j, err := readJob(jobFile)
	if err != nil {
		return nil, err
	}
	for _, name := range j.Modules {
		if err := loadModule(filepath.Join(moduleDir, name)); err != nil {
			return nil, err
		}
	}
	return openPort()
}

func readJob(path string) (j job, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return j, err
	}
	return j, json.Unmarshal(text, &j)
}

func loadModule(path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := unix.FinitModule(int(f.Fd()), "", 0); err != nil && err != unix.EEXIST {
		return fmt.Errorf("load module %s: %w", filepath.Base(path), err)
	}
	return nil
}

// openPort waits for the port to appear, for its driver finds it after the
// module is loaded.
func openPort() (*os.File, error) {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		names, err := filepath.Glob("/sys/class/virtio-ports/*/name")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if text, err := os.ReadFile(name); err == nil && strings.TrimSpace(string(text)) == portName {
				return os.OpenFile(filepath.Join("/dev", filepath.Base(filepath.Dir(name))), os.O_WRONLY, 0)
			}
		}
	}
	return nil, errors.New("the port to the host does not appear")
}

// serve builds the root, runs the command in it and answers its exit status.
func serve(frames *frameWriter) (int, error) {
	j, err := readJob(jobFile)
	if err != nil {
		return 0, err
	}
	program, err := os.ReadFile(initProgram)
	if err != nil {
		return 0, err
	}
	if err := enterRoot(j.Disks); err != nil {
		return 0, err
	}
	if err := unix.Sethostname([]byte("vm")); err != nil {
		return 0, fmt.Errorf("set the host's name: %w", err)
	}
	if err := loopbackUp(); err != nil {
		return 0, err
	}
	if j.Systemd {
		return 0, becomeSystemd(j, program)
	}
	own, err := makeGroups(j)
	if err != nil {
		return 0, err
	}
	return j.run(own, frames)
}

// loopbackUp makes 127.0.0.1 reachable.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("switch loopback on: %w", err)
	}
	req, err := unix.NewIfreq("lo")
	if err == nil {
		req.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
		err = unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req)
	}
	if err = errors.Join(err, unix.Close(fd)); err != nil {
		return fmt.Errorf("switch loopback on: %w", err)
	}
	return nil
}

// statusOf is what a shell would say of how a process ended.
func statusOf(w syscall.WaitStatus) int {
	if w.Signaled() {
		return 128 + int(w.Signal())
	}
	return w.ExitStatus()
}

package socket_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/healthcheck"
	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/healthcheck/socket"
	"github.com/dewarhq/dewar/task"
)

// role makes the test binary something else.
const role = "DEWAR_SOCKET_TEST"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "server":
		serveNumber()
	case "alone":
		askAlone()
	default:
		os.Exit(m.Run())
	}
}

// serveNumber answers with $NUMBER at 127.0.0.1:$PORT, in whatever network.
func serveNumber() {
	if err := raiseLoopback(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	l, err := net.Listen("tcp4", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(l.Addr())
	err = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, os.Getenv("NUMBER")) }))
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// raiseLoopback is what `ip link set lo up` does.
func raiseLoopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, lo); err != nil || lo.Uint16()&unix.IFF_UP != 0 {
		return err
	}
	lo.SetUint16(lo.Uint16() | unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}

// server starts a server that answers a number, in a process of its own.
func server(t *testing.T, number, port int, flags uintptr) (pid int, address string) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), role+"=server", "NUMBER="+strconv.Itoa(number), "PORT="+strconv.Itoa(port))
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags, Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = os.Stderr
	said, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread() // it would die with this thread
	t.Cleanup(runtime.UnlockOSThread)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(said).ReadString('\n')
	if err != nil {
		t.Fatalf("the server %d did not start: %v", number, err)
	}
	return cmd.Process.Pid, strings.TrimSpace(line)
}

// TestStopped: of a server that is hung the kernel still takes connections, and
// only one who wants a word notices.
func TestStopped(t *testing.T) {
	pid, address := server(t, 7, 0, 0)
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	expect(t, ask(t, tcpOf(address), time.Second), judge.OK, healthcheck.Connect, "")
	check := tcpOf(address)
	check.TCP.Send, check.TCP.Expect = "GET / HTTP/1.0\r\n\r\n", "HTTP/"
	expect(t, ask(t, check, 300*time.Millisecond), judge.Fail, healthcheck.Body, "in time")
	expect(t, ask(t, httpOf(address), 300*time.Millisecond), judge.Fail, healthcheck.Headers, "in time")
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	expect(t, ask(t, check, 5*time.Second), judge.OK, healthcheck.Body, "")
}

// TestNetworks asks in several networks and in ours at the same time, all of the
// same port: each answer is that of its own.
func TestNetworks(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("this needs root, to make networks")
	}
	const networks, times = 6, 40
	_, ours := server(t, 0, 0, 0)
	_, port, _ := net.SplitHostPort(ours)
	number, _ := strconv.Atoi(port)
	var group sync.WaitGroup
	for i := range networks {
		place := socket.Place{}
		if i > 0 {
			pid, _ := server(t, i, number, syscall.CLONE_NEWNET)
			place.Main, place.Apart = func() (int, error) { return pid, nil }, true
		}
		check := httpOf("localhost:" + port)
		check.HTTP.Expect = strconv.Itoa(i)
		asker, err := socket.New(check, place)
		if err != nil {
			t.Fatal(err)
		}
		group.Go(func() {
			for range times {
				if a := asker.Ask(time.Now().Add(10 * time.Second)); a.Outcome != judge.OK {
					t.Errorf("network %d: %+v", i, a)
					return
				}
			}
		})
	}
	group.Wait()
}

// TestNoDescriptors: what we lack ourselves says nothing about who is asked.
func TestNoDescriptors(t *testing.T) {
	_, address := server(t, 7, 0, 0) // a process that has its own descriptors
	check := httpOf(address)
	check.HTTP.Expect = "7"
	asker, err := socket.New(check, socket.Place{})
	if err != nil {
		t.Fatal(err)
	}
	var was, none syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	none = syscall.Rlimit{Cur: 3, Max: was.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	a := asker.Ask(time.Now().Add(5 * time.Second))
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	expect(t, a, judge.Inconclusive, healthcheck.Connect, "too many open files")
	expect(t, asker.Ask(time.Now().Add(5*time.Second)), judge.OK, "", "")
}

// TestUnixSocket: relative to the sandbox, however long its path.
func TestUnixSocket(t *testing.T) {
	sandbox := filepath.Join(t.TempDir(), strings.Repeat("long", 40))
	if err := os.Mkdir(sandbox, 0o755); err != nil {
		t.Fatal(err)
	}
	dir, err := os.Open(sandbox)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	l := listen(t, "unix", fmt.Sprintf("/proc/self/fd/%d/s", dir.Fd()))
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })) //nolint:errcheck // until it is closed
	h := task.DefaultHTTP()
	h.Socket = "s"
	check := &task.Check{HTTP: &h}
	expect(t, askIn(t, check, socket.Place{Sandbox: sandbox}, 5*time.Second), judge.OK, healthcheck.Body, "")
	if os.Geteuid() == 0 { // the machine's own socket, and a sandbox of somebody else
		foreign := t.TempDir()
		if err := os.Chown(foreign, 65534, 65534); err != nil {
			t.Fatal(err)
		}
		h.Socket = filepath.Join(sandbox, "s")
		behind := func() (int, error) { return os.Getpid(), nil }
		for _, p := range []socket.Place{{Sandbox: foreign}, {Sandbox: foreign, Main: behind}} {
			expect(t, askIn(t, check, p, 5*time.Second), judge.Fail, healthcheck.Connect, "belongs to another user")
		}
	}
	h.Socket = "other"
	expect(t, askIn(t, check, socket.Place{Sandbox: sandbox}, 5*time.Second), judge.Fail, healthcheck.Connect, "no socket")
}

func write(t *testing.T, path string, age time.Duration) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(-age)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, to, from string) {
	t.Helper()
	if err := os.Symlink(to, from); err != nil {
		t.Fatal(err)
	}
}

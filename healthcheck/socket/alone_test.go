package socket_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/healthcheck"
	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/healthcheck/socket"
)

// TestAlone asks in a process that has a network and mounts of its own: names that
// a black hole is to resolve, and when all local ports are taken. Neither says
// anything about who is asked.
func TestAlone(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("this needs root, to make a network")
	}
	resolver := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(resolver, []byte("nameserver 127.0.0.1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), role+"=alone", "RESOLVER="+resolver)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Unshareflags: syscall.CLONE_NEWNS}
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var answers map[string]healthcheck.Answer
	if err := json.Unmarshal(out, &answers); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	expect(t, answers["black hole"], judge.Inconclusive, healthcheck.Resolve, "resolve name.test")
	if took := answers["black hole"].Latency; took > time.Second+slack {
		t.Errorf("the black hole took %v", took)
	}
	expect(t, answers["no ports"], judge.Inconclusive, healthcheck.Connect, "assign requested address")
	expect(t, answers["no ports, localhost"], judge.Inconclusive, healthcheck.Connect, "assign requested address")
	expect(t, answers["no ::1"], judge.Fail, healthcheck.Connect, "nobody listens")
}

// askAlone is the process.
func askAlone() {
	answers, err := asksAlone()
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(answers)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func asksAlone() (map[string]healthcheck.Answer, error) {
	if err := raiseLoopback(); err != nil {
		return nil, err
	}
	if err := unix.Mount(os.Getenv("RESOLVER"), "/etc/resolv.conf", "", unix.MS_BIND, ""); err != nil {
		return nil, err
	}
	hole, err := net.ListenPacket("udp4", "127.0.0.1:53")
	if err != nil {
		return nil, err
	}
	defer hole.Close()
	l, err := net.Listen("tcp4", "127.0.0.1:9000")
	if err != nil {
		return nil, err
	}
	go http.Serve(l, http.NotFoundHandler()) //nolint:errcheck // until it ends
	answers := map[string]healthcheck.Answer{}
	once := func(name, address string) error {
		asker, err := socket.New(httpOf(address), socket.Place{})
		if err == nil {
			answers[name] = asker.Ask(time.Now().Add(time.Second))
			err = asker.Close()
		}
		return err
	}
	if err := once("black hole", "name.test:80"); err != nil {
		return nil, err
	}
	const one = "40000 40000"
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_local_port_range", []byte(one), 0o644); err != nil {
		return nil, err
	}
	held, err := net.Dial("tcp4", "127.0.0.1:9000")
	if err != nil {
		return nil, err
	}
	defer held.Close()
	for name, address := range map[string]string{"no ports": "127.0.0.1:9000", "no ports, localhost": "localhost:9000"} {
		if err := once(name, address); err != nil {
			return nil, err
		}
	}
	held.Close()
	if err := os.WriteFile("/proc/sys/net/ipv6/conf/lo/disable_ipv6", []byte("1"), 0o644); err != nil {
		return nil, err
	}
	return answers, once("no ::1", "localhost:9001")
}

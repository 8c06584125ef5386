package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dewarhq/dewar/task"
)

// serve answers at a task's door, whose directory has a path too long for a
// socket's name.
func serve(t *testing.T, answer http.HandlerFunc) task.Dir {
	t.Helper()
	dir := task.Dir(filepath.Join(t.TempDir(), strings.Repeat("d", 150), strings.Repeat("e", 150)))
	if err := os.MkdirAll(string(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	address, release, err := Address(dir)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", address)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: answer}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() { server.Close(); <-done; release() })
	return dir
}

func TestDo(t *testing.T) {
	dir := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var k Kill
		if err := json.NewDecoder(r.Body).Decode(&k); err != nil {
			t.Error(err)
		}
		fmt.Fprintf(w, `{"heard":"%s %s %s grace %v"}`, r.Method, r.URL.Path, k.Reason, time.Duration(*k.Grace))
	})
	grace := task.Duration(3 * time.Second)
	var answer struct{ Heard string }
	if err := Do(t.Context(), dir, PathKill, Kill{Grace: &grace, Reason: "enough"}, &answer); err != nil {
		t.Fatal(err)
	}
	if want := "POST /v1/kill enough grace 3s"; answer.Heard != want {
		t.Errorf("the brain heard %q, want %q", answer.Heard, want)
	}
}

func TestDoGet(t *testing.T) {
	dir := serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, `{"heard":"%s"}`, r.Method) })
	var answer struct{ Heard string }
	if err := Do(t.Context(), dir, PathStatus, nil, &answer); err != nil || answer.Heard != "GET" {
		t.Errorf("%v, %v", answer, err)
	}
}

func TestDoRefused(t *testing.T) {
	for body, want := range map[string]string{
		`{"error":"web is not running"}`: "web is not running",
		`sorry`:                          "the brain answered 409: sorry",
	} {
		dir := serve(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(409); fmt.Fprint(w, body) })
		err := Do(t.Context(), dir, PathStop, Process{"web"}, nil)
		var refused *Refused
		if !errors.As(err, &refused) || refused.Code != 409 || refused.Error() != want {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestDoWithoutABrain(t *testing.T) {
	dir := task.Dir(t.TempDir())
	if err := Do(t.Context(), dir, PathStatus, nil, nil); !errors.Is(err, ErrNoBrain) {
		t.Errorf("no socket: %v", err)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: dir.ControlSock(), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	listener.SetUnlinkOnClose(false)
	listener.Close()
	if err := Do(t.Context(), dir, PathStatus, nil, nil); !errors.Is(err, ErrNoBrain) {
		t.Errorf("a dead brain's socket: %v", err)
	}
}

func TestDoGivesUpWithItsContext(t *testing.T) {
	dir := serve(t, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := Do(ctx, dir, PathStatus, nil, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want that the deadline passed", err)
	}
}

// A brain that goes without a word is one that is not there: another follows.
// But a signal is not made twice of it.
func TestDoOfABrainThatGoes(t *testing.T) {
	for name, goes := range map[string]func(net.Conn){
		"it has read":     func(c net.Conn) { c.Read(make([]byte, 4096)); c.Close() },
		"it has not read": func(c net.Conn) { c.Close() },
	} {
		dir := task.Dir(t.TempDir())
		listener, err := net.Listen("unix", dir.ControlSock())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { listener.Close() })
		for path, again := range map[string]bool{PathRestart: true, PathStop: true, PathStart: true, PathKill: true, PathStatus: true, PathSignal: false} {
			done := make(chan struct{})
			go func() {
				defer close(done)
				if c, err := listener.Accept(); err == nil {
					goes(c)
				}
			}()
			err := Do(t.Context(), dir, path, Process{"web"}, nil)
			<-done
			if err == nil || errors.Is(err, ErrNoBrain) != again {
				t.Errorf("%s, %s: %v; is it to be asked again? %v", name, path, err, again)
			}
		}
	}
}

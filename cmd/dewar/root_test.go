package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTasksRoot(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	type env map[string]string
	for _, test := range []struct {
		name string
		flag string
		env  env
		want string
		user bool // for others than root alone
	}{
		{"the flag", "/a", env{"DEWAR_ROOT": "/b"}, "/a", false},
		{"a relative flag", "a/../b", nil, filepath.Join(here, "b"), false},
		{"the environment", "", env{"DEWAR_ROOT": "/b", "XDG_STATE_HOME": "/c"}, "/b", false},
		{"XDG", "", env{"XDG_STATE_HOME": "/c", "HOME": "/d"}, "/c/dewar/tasks", true},
		{"a relative XDG is none", "", env{"XDG_STATE_HOME": "c", "HOME": "/d"}, "/d/.local/state/dewar/tasks", true},
		{"home", "", env{"HOME": "/d"}, "/d/.local/state/dewar/tasks", true},
		{"nothing", "", nil, "", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := &app{root: test.flag, env: func(name string) string { return test.env[name] }}
			want := test.want
			if test.user && os.Geteuid() == 0 {
				want = "/var/lib/dewar/tasks"
			}
			got, err := a.tasksRoot()
			if got != want || (err != nil) != (want == "") || err != nil && exitCode(err) != exitMisuse {
				t.Errorf("the root is %q (%v), want %q", got, err, want)
			}
		})
	}
}

func TestSpan(t *testing.T) {
	for text, want := range map[string]time.Duration{"14d": 14 * 24 * time.Hour, "0.5d": 12 * time.Hour, "90": 90 * time.Second, "1h30m": 90 * time.Minute, "0": 0} {
		var s span
		if err := s.Set(text); err != nil || time.Duration(s) != want {
			t.Errorf("%q is %v (%v), want %v", text, time.Duration(s), err, want)
		}
	}
	for _, text := range []string{"", "d", "-1", "-1d", "xd", "soon", "1e9d"} {
		var s span
		if err := s.Set(text); err == nil {
			t.Errorf("%q is %v", text, time.Duration(s))
		}
	}
}

func TestFlags(t *testing.T) {
	ports, err := parsePorts([]string{"http=80", "admin=81"})
	if diff := cmp.Diff(map[string]int{"http": 80, "admin": 81}, ports); diff != "" || err != nil {
		t.Errorf("ports %v: %s", err, diff)
	}
	for _, bad := range [][]string{{"http"}, {"=80"}, {"a=0"}, {"a=65536"}, {"a=x"}, {"a=1", "a=2"}} {
		if _, err := parsePorts(bad); err == nil {
			t.Errorf("--port %v is accepted", bad)
		}
	}
	bindings, err := parseBindings([]string{"a.b=c=d", "e="})
	if diff := cmp.Diff(map[string]string{"a.b": "c=d", "e": ""}, bindings); diff != "" || err != nil {
		t.Errorf("bindings %v: %s", err, diff)
	}
	for _, bad := range [][]string{{"a"}, {"=b"}, {"thermos.task_id=x"}, {"a=1", "a=1"}} {
		if _, err := parseBindings(bad); err == nil {
			t.Errorf("--bind %v is accepted", bad)
		}
	}
}

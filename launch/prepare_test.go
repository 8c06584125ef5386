package launch

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dewarhq/dewar/sandbox"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/task/file"
)

func parse(t *testing.T, text string) *file.File {
	t.Helper()
	f, err := file.Parse("t.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestPrepare(t *testing.T) {
	f := parse(t, `
name: web
processes:
  - name: serve
    cmdline: "serve --port {{thermos.ports[http]}} --admin {{thermos.ports[admin]}} --id {{thermos.task_id}} {{profile.flags}}"
`)
	l, _, err := Prepare(Order{
		File: f, Ports: map[string]int{"http": 8080}, Bindings: map[string]string{"profile.flags": "-x"},
	}, start)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(l.ID, "web-20260301-120000-") {
		t.Errorf("the id is %q", l.ID)
	}
	want := "serve --port 8080 --admin " + strconv.Itoa(l.Ports["admin"]) + " --id " + l.ID + " -x"
	if got := l.Task.Processes[0].Cmdline; got != want {
		t.Errorf("the command line is %q, want %q", got, want)
	}
	if l.Ports["admin"] < 1024 || l.SourceFile != "t.yaml" || l.Launched != start.UnixNano() || l.User != l.Owner || l.User == "" {
		t.Errorf("the launch is %+v", l)
	}
	if _, err := l.Encode(); err != nil {
		t.Error(err)
	}
}

// What checks and calls say has the launch's values, and a port that is asked by
// its name is one of the launch's.
func TestPrepareBindsChecks(t *testing.T) {
	f := parse(t, `
processes:
  - name: serve
    cmdline: "serve {{thermos.ports[health]}} {{thermos.ports[admin]}}"
    checks:
      - {shell: "probe {{thermos.ports[admin]}} {{thermos.task_id}}"}
      - {name: http, http: {endpoint: "/{{mesos.instance}}", headers: {Host: "{{profile.host}}"}}}
      - {name: tcp, tcp: {port: "{{thermos.ports[admin]}}"}}
lifecycle: {http: {port: admin, shutdown_endpoint: "/{{profile.host}}"}}
`)
	l, _, err := Prepare(Order{File: f, Bindings: map[string]string{"profile.host": "shop"}}, start)
	if err != nil {
		t.Fatal(err)
	}
	checks, admin := l.Task.Processes[0].Checks, strconv.Itoa(l.Ports["admin"])
	for what, texts := range map[string][2]string{
		"shell":             {"probe " + admin + " " + l.ID, checks[0].Shell},
		"endpoint":          {"/0", checks[1].HTTP.Endpoint},
		"header":            {"shop", checks[1].HTTP.Headers["Host"]},
		"shutdown_endpoint": {"/shop", l.Task.Lifecycle.HTTP.ShutdownEndpoint},
		"command line":      {"serve " + strconv.Itoa(checks[1].HTTP.Port.Number(l.Ports)) + " " + strconv.Itoa(checks[2].TCP.Port.Number(nil)), l.Task.Processes[0].Cmdline},
		"port":              {admin, strconv.Itoa(l.Task.Lifecycle.HTTP.Port.Number(l.Ports))},
	} {
		if texts[0] != texts[1] {
			t.Errorf("%s is %q, want %q", what, texts[1], texts[0])
		}
	}
	data, err := l.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := task.ReadLaunch(data); err != nil {
		t.Error(err)
	}
}

// What the processes get of the caller's environment is what it was at the
// launch.
func TestPrepareRecordsTheSurroundings(t *testing.T) {
	for _, test := range []struct{ set, path string }{
		{"/opt/bin", "/opt/bin"},
		{"", sandbox.DefaultPath},
	} {
		t.Setenv("DEWAR_PATH", test.set)
		t.Setenv("LANG", "C.UTF-8")
		t.Setenv("TZ", "Asia/Tokyo")
		l, _, err := Prepare(Order{Single: Single("simple", []string{"true"})}, start)
		if err != nil || l.Path != test.path || l.Lang != "C.UTF-8" || l.TZ != "Asia/Tokyo" {
			t.Errorf("PATH %q, LANG %q, TZ %q: %v", l.Path, l.Lang, l.TZ, err)
		}
	}
}

func TestPrepareSingle(t *testing.T) {
	l, _, err := Prepare(Order{ID: "one", Single: Single("simple", []string{"echo", "{{thermos.ports[a]}}", "{{x}}", "{{thermos.ports[a]}}"}), Bindings: map[string]string{"x": "y z"}}, start)
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(l.Ports["a"])
	if diff := cmp.Diff([]string{"echo", port, "y z", port}, l.Task.Processes[0].Argv); diff != "" {
		t.Errorf("argv (-want +got):\n%s", diff)
	}
	l, _, err = Prepare(Order{Single: Single("simple", []string{"echo a; echo b"})}, start)
	if err != nil || l.Task.Processes[0].Cmdline != "echo a; echo b" || l.Task.Processes[0].Argv != nil {
		t.Errorf("a command of one word is %+v (%v)", l.Task.Processes, err)
	}
}

func TestPrepareRefuses(t *testing.T) {
	const two = "tasks:\n- {name: a, processes: [{name: p, cmdline: 'true'}]}\n- {name: b, processes: [{name: p, cmdline: 'true'}]}\n"
	const user = "processes: [{name: p, cmdline: 'true', user: nobody-knows-me}]"
	for _, test := range []struct {
		name  string
		order Order
		want  string
	}{
		{"several tasks", Order{File: parse(t, two)}, "t.yaml: the file has 2 tasks: say which with --task NAME (a, b)"},
		{"another task", Order{File: parse(t, two), Task: "c"}, `t.yaml: the file has no task named "c"; it has a, b`},
		{"id", Order{File: parse(t, two), Task: "a", ID: "../x"}, `the task id "../x" begins with`},
		{"unbound", Order{Single: Single("s", []string{"echo {{nobody.binds}}"})}, "the command: {{nobody.binds}} has no value"},
		{"user", Order{Single: Single("s", []string{"true"}), User: "nobody-knows-me"}, "unknown user nobody-knows-me"},
		{"user of a process", Order{File: parse(t, user)}, `process "p": unknown user nobody-knows-me`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := Prepare(test.order, start)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("it says %v, want %s", err, test.want)
			}
		})
	}
	if os.Geteuid() == 0 {
		return
	}
	if _, _, err := Prepare(Order{Single: Single("s", []string{"true"}), User: "root"}, start); err == nil || !strings.Contains(err.Error(), "only root may run processes as another user") {
		t.Errorf("an ordinary user as root: %v", err)
	}
}

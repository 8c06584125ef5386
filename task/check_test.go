package task

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What older or smaller files leave out of checks is what Aurora's defaults say.
func TestCheckDefaults(t *testing.T) {
	const text = `{"check": {"http": {}}, "lifecycle": {"http": {}}, "processes": [
		{"name": "a", "cmdline": "x", "after": [{"process": "b", "when": "healthy"}, {"process": "b"}],
		 "checks": [{"tcp": {"socket": "s"}}, {"role": "readiness", "grpc": {}}, {"name": "up", "role": "startup", "notify": {}, "interval": 7}],
		 "pre_stop": {"http": {"endpoint": "/x", "expected_response": ""}}},
		{"name": "b", "cmdline": "x"}]}`
	var made Task
	if err := json.Unmarshal([]byte(text), &made); err != nil {
		t.Fatal(err)
	}
	check := func(name string, role Role, action Action) Check {
		c := DefaultCheck()
		c.Name, c.Role, c.Action = name, role, action
		return c
	}
	own := check("health", Liveness, FailTask)
	own.HTTP = &HTTPCheck{Port: "health", Endpoint: "/health", Method: "GET", Expect: "ok"}
	tcp, grpc, up := check("liveness", Liveness, FailTask), check("readiness", Readiness, NoAction), check("up", Startup, FailTask)
	tcp.TCP = &TCPCheck{Socket: "s"}
	grpc.InitialInterval = 0
	grpc.GRPC = &GRPCCheck{Port: "health"}
	up.Notify, up.Interval = &NotifyCheck{MaxAge: Duration(7 * time.Second)}, Duration(7*time.Second)
	if diff := cmp.Diff(&own, made.Check); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Check{tcp, grpc, up}, made.Processes[0].Checks); diff != "" {
		t.Error(diff)
	}
	calls := &HTTPLifecycle{"health", "/quitquitquit", Duration(5 * time.Second), "/abortabortabort", Duration(5 * time.Second)}
	if diff := cmp.Diff(calls, made.Lifecycle.HTTP); diff != "" {
		t.Error(diff)
	}
	preStop := &PreStop{HTTP: &HTTPCheck{Port: "health", Endpoint: "/x", Method: "GET"}, Timeout: Duration(5 * time.Second)}
	if diff := cmp.Diff(preStop, made.Processes[0].PreStop); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Edge{{"b", WhenHealthy, LostIgnore}, {"b", WhenSuccess, ""}}, made.Processes[0].After); diff != "" {
		t.Error(diff)
	}
	var who []string
	for process, c := range made.AllChecks() {
		who = append(who, process+"/"+c.Name)
	}
	if !slices.Equal(who, []string{"/health", "a/liveness", "a/readiness", "a/up"}) {
		t.Errorf("%q", who)
	}
}

func TestPortNumber(t *testing.T) {
	ports := map[string]int{"http": 8080, "9": 1, "big": 70000}
	for p, want := range map[Port]int{"http": 8080, "9": 9, "65535": 65535, "65536": 0, "0": 0, "admin": 0, "": 0, "big": 0, "99999999999999999999": 0} {
		if got := p.Number(ports); got != want {
			t.Errorf("port %q is %d, want %d", p, got, want)
		}
	}
}

// A launch binds the ports that are asked, or cannot be read.
func TestLaunchBindsAskedPorts(t *testing.T) {
	l := launched()
	l.Task.Check = &Check{}
	*l.Task.Check = DefaultCheck()
	l.Task.Check.TCP = &TCPCheck{Port: "admin"}
	l.Task.FillIn()
	for port, want := range map[string]string{"http": "check.tcp.port: the port admin is not bound", "admin": ""} {
		l.Ports = map[string]int{port: 8080}
		data, err := l.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err = ReadLaunch(data); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("with the port %s: %v; want %q", port, err, want)
		}
	}
}

// The ports that a check's texts name, through values too.
func TestPortsOfAText(t *testing.T) {
	b := Bindings{"x": "a{{thermos.ports[in]}}", "thermos.ports[bound]": "80"}
	got := b.Ports("é{{x}} {{thermos.ports[bound]}} {{ thermos.ports[free] }} {{thermos.ports[bound]}} {{&thermos.ports[no]}}")
	if diff := cmp.Diff(map[string]int{"in": 2, "bound": 8, "free": 33}, got); diff != "" {
		t.Error(diff)
	}
	if b.Ports("none") != nil {
		t.Error("a text without templates names ports")
	}
}

func TestDetection(t *testing.T) {
	aurora := DefaultCheck()
	lenient := aurora
	lenient.MaxConsecutiveFailures, lenient.MinConsecutiveSuccesses = 2, 3
	slow := aurora
	slow.Timeout, slow.MaxConsecutiveFailures = Duration(25*time.Second), 1 // asked every 30 s while it hangs
	beat := aurora
	beat.File = &FileCheck{Path: "beat", MaxAge: Duration(30 * time.Second)}
	endless := aurora
	endless.Interval, endless.MaxConsecutiveFailures, endless.InconclusiveFor = 1<<62, 1<<40, 1<<62
	second := Duration(time.Second)
	for name, c := range map[string]struct {
		check Check
		want  Detection
	}{
		"Aurora's defaults":    {aurora, Detection{12 * second, 22 * second, 310 * second}},
		"failures are borne":   {lenient, Detection{32 * second, 62 * second, 310 * second}},
		"longer than interval": {slow, Detection{66 * second, 116 * second, 330 * second}},
		"a heartbeat":          {beat, Detection{42 * second, 52 * second, 310 * second}},
		"for ever":             {endless, Detection{1<<63 - 1, 1<<63 - 1, 1<<63 - 1}},
	} {
		if got := c.check.Detection(); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

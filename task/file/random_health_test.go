package file

import (
	"fmt"

	"pgregory.net/rapid"

	"github.com/dewarhq/dewar/task"
)

// healthAtRandom gives a task checks and calls, and the time that they need.
func healthAtRandom(t *rapid.T, made *task.Task) {
	if rapid.IntRange(0, 3).Draw(t, "task's check") == 0 {
		c := checkAtRandom(t, "health", false)
		made.Check = &c
	}
	if rapid.IntRange(0, 3).Draw(t, "lifecycle") == 0 {
		h := task.DefaultHTTPLifecycle()
		h.Port = ports().Draw(t, "port")
		h.GracefulShutdownWait, h.ShutdownWait = spans(0).Draw(t, "graceful"), spans(0).Draw(t, "shutdown")
		h.GracefulEndpoint = "/" + rapid.StringMatching(`[a-z?=&%]{0,5}`).Draw(t, "endpoint")
		made.Lifecycle = &task.Lifecycle{HTTP: &h}
		made.FinalizationWait += h.GracefulShutdownWait + h.ShutdownWait
	}
	for i := range made.Processes {
		p := &made.Processes[i]
		for j := range rapid.IntRange(0, 2).Draw(t, "checks") {
			if !p.Final {
				p.Checks = append(p.Checks, checkAtRandom(t, fmt.Sprint("c", j), true))
			}
		}
		if rapid.IntRange(0, 5).Draw(t, "pre stop") == 0 {
			s := task.PreStop{Timeout: spans(1).Draw(t, "timeout")}
			if rapid.Bool().Draw(t, "by a command") {
				s.Cmdline = "x" + texts().Draw(t, "cmdline")
			} else {
				s.HTTP = httpAtRandom(t)
			}
			p.PreStop = &s
			made.FinalizationWait += s.Timeout
		}
		made.FinalizationWait += p.StopTimeout
	}
}

func ports() *rapid.Generator[task.Port] {
	return rapid.Map(rapid.IntRange(1, 65535), func(n int) task.Port { return task.Port(fmt.Sprint(n)) })
}

func checkAtRandom(t *rapid.T, name string, ofProcess bool) task.Check {
	c := task.DefaultCheck()
	c.Name, c.Role = name, rapid.SampledFrom(task.Roles).Draw(t, "role")
	c.Action = task.NoAction
	if c.Role != task.Readiness {
		c.Action = task.FailTask
	}
	c.Interval, c.Timeout = spans(1).Draw(t, "interval"), spans(1).Draw(t, "timeout")
	c.InitialInterval, c.InconclusiveFor = spans(0).Draw(t, "initial"), spans(0).Draw(t, "inconclusive")
	c.MaxConsecutiveFailures = rapid.IntRange(0, 9).Draw(t, "failures")
	c.MinConsecutiveSuccesses = rapid.IntRange(1, 3).Draw(t, "successes")
	c.MaxInconclusive = rapid.IntRange(1, 9).Draw(t, "doubts")
	c.Capture = rapid.SampledFrom([]string{"", "jstack $DEWAR_PID"}).Draw(t, "capture")
	switch kind := rapid.IntRange(0, 6).Draw(t, "kind"); {
	case kind == 0:
		c.HTTP = httpAtRandom(t)
	case kind == 1:
		c.TCP = &task.TCPCheck{Port: ports().Draw(t, "port"), Send: texts().Draw(t, "send"), Expect: texts().Draw(t, "expect")}
	case kind == 2:
		c.Argv = []string{"x", texts().Draw(t, "argv")}
	case kind == 3:
		c.GRPC = &task.GRPCCheck{Port: ports().Draw(t, "port"), Service: texts().Draw(t, "service"), TLS: tlsAtRandom(t)}
	case kind == 4:
		c.File = &task.FileCheck{Path: "a", MaxAge: spans(1).Draw(t, "age")}
	case kind == 5 && ofProcess:
		c.Notify = &task.NotifyCheck{MaxAge: spans(1).Draw(t, "age")}
	default:
		c.Shell = "x" + texts().Draw(t, "shell")
	}
	return c
}

func httpAtRandom(t *rapid.T) *task.HTTPCheck {
	h := task.DefaultHTTP()
	h.Method = rapid.SampledFrom([]string{"GET", "HEAD", "POST"}).Draw(t, "method")
	if h.Expect = texts().Draw(t, "expect"); h.Method == "HEAD" {
		h.Expect = ""
	}
	h.Code = rapid.SampledFrom([]int{0, 200, 204, 503}).Draw(t, "code")
	h.TLS = tlsAtRandom(t)
	if rapid.Bool().Draw(t, "socket") {
		h.Socket = "x" + rapid.StringMatching(`[a-z./]{0,5}`).Draw(t, "path")
		return &h
	}
	h.Port, h.Host = ports().Draw(t, "port"), rapid.SampledFrom([]string{"", "::1", "example.org"}).Draw(t, "host")
	if rapid.Bool().Draw(t, "headers") {
		h.Headers = map[string]string{"X-Probe": "{{é}}"}
	}
	return &h
}

func tlsAtRandom(t *rapid.T) *task.TLS {
	return rapid.SampledFrom([]*task.TLS{nil, {}, {CA: "/etc/ca.pem", ServerName: "x"}, {SkipVerify: true}}).Draw(t, "tls")
}

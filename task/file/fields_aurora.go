package file

import "github.com/dewarhq/dewar/task"

// healthConfig is a check in Aurora's words: HealthCheckConfig.
type healthConfig struct {
	checker healthChecker
	check   task.Check
}

type healthChecker struct {
	http  *task.HTTPCheck
	shell *shellChecker
}

type shellChecker struct{ command string }

var healthConfigs = structure[healthConfig]{
	name:  "a health check config",
	doc:   "The task's check in Aurora's words. {}: /health of the port health has to say ok.",
	empty: func() healthConfig { return healthConfig{check: task.DefaultCheck()} },
	rows: []row[healthConfig]{
		field("health_checker", healthCheckers.kind(), func(c *healthConfig) *healthChecker { return &c.checker }, "How it is asked. Default: http, with its defaults."),
		field("initial_interval_secs", duration, func(c *healthConfig) *task.Duration { return &c.check.InitialInterval }, "Grace: in the first ⌈initial_interval_secs ÷ interval_secs⌉ attempts failures are ignored."),
		field("interval_secs", positive(duration), func(c *healthConfig) *task.Duration { return &c.check.Interval }, "Time from the start of an attempt to the start of the next."),
		field("timeout_secs", positive(duration), func(c *healthConfig) *task.Duration { return &c.check.Timeout }, "Longest time of one attempt."),
		field("max_consecutive_failures", integer(0), func(c *healthConfig) *int { return &c.check.MaxConsecutiveFailures }, "So many failures in a row are borne; one more is unhealthy."),
		field("min_consecutive_successes", integer(1), func(c *healthConfig) *int { return &c.check.MinConsecutiveSuccesses }, "So many successes in a row are healthy."),
	},
}

var healthCheckers = structure[healthChecker]{
	name:  "a health checker",
	doc:   "One of http and shell. If both are there it is shell.",
	empty: zero[healthChecker],
	rows: []row[healthChecker]{
		field("http", optional(auroraHTTP.kind()), func(c *healthChecker) **task.HTTPCheck { return &c.http }, "By a GET of the port health."),
		field("shell", optional(shellCheckers.kind()), func(c *healthChecker) **shellChecker { return &c.shell }, "By a command."),
	},
}

var auroraHTTP = structure[task.HTTPCheck]{
	name:  "an http health checker",
	doc:   "A GET of the port health.",
	empty: task.DefaultHTTP,
	rows: []row[task.HTTPCheck]{
		field("endpoint", text, func(h *task.HTTPCheck) *string { return &h.Endpoint }, "The path, with a query if there is one."),
		field("expected_response", text, func(h *task.HTTPCheck) *string { return &h.Expect }, `What the body has to be, but for spaces around it and upper or lower case. "": anything.`),
		field("expected_response_code", integer(0), func(h *task.HTTPCheck) *int { return &h.Code }, "What the status has to be. 0: anything below 400."),
	},
}

var shellCheckers = structure[shellChecker]{
	name:  "a shell health checker",
	doc:   "A command; exit status 0 is well.",
	empty: zero[shellChecker],
	rows: []row[shellChecker]{
		field("shell_command", text, func(c *shellChecker) *string { return &c.command }, "Run by /bin/bash -c.").must(),
	},
}

// healthCheckConfig makes Aurora's words ours. A file that Aurora wrote itself has
// http, with its defaults, beside shell, which is the one that it asks then.
var healthCheckConfig = turned(healthConfigs.kind(), func(c healthConfig) task.Check {
	http := task.DefaultHTTP()
	switch {
	case c.checker.shell != nil:
		c.check.Shell = c.checker.shell.command
	case c.checker.http != nil:
		c.check.HTTP = c.checker.http
	default:
		c.check.HTTP = &http
	}
	return c.check
})

var lifecycles = structure[task.Lifecycle]{
	name:  "a lifecycle",
	doc:   "The calls that a task gets before its processes get signals.",
	empty: zero[task.Lifecycle],
	rows: []row[task.Lifecycle]{
		field("http", optional(httpLifecycles.kind()), func(l *task.Lifecycle) **task.HTTPLifecycle { return &l.HTTP }, "By HTTP: two POSTs, each with a wait after it that ends as soon as nothing of the task runs."),
	},
}

var httpLifecycles = structure[task.HTTPLifecycle]{
	name:  "an http lifecycle",
	doc:   "POST to each endpoint, and a wait. An endpoint that answers 404 or 405 is not waited for.",
	empty: task.DefaultHTTPLifecycle,
	rows: []row[task.HTTPLifecycle]{
		field("port", port, func(h *task.HTTPLifecycle) *task.Port { return &h.Port }, "A number, or the name of a port that the launch binds."),
		field("graceful_shutdown_endpoint", text, func(h *task.HTTPLifecycle) *string { return &h.GracefulEndpoint }, "What is posted to first."),
		gracefulWait, gracefulWait.orAs("graceful_shutdown_wait_secs"),
		field("shutdown_endpoint", text, func(h *task.HTTPLifecycle) *string { return &h.ShutdownEndpoint }, "What is posted to next."),
		shutdownWait, shutdownWait.orAs("shutdown_wait_secs"),
	},
}

var (
	gracefulWait = field("graceful_shutdown_wait", duration, func(h *task.HTTPLifecycle) *task.Duration { return &h.GracefulShutdownWait }, "Longest wait after the first call.")
	shutdownWait = field("shutdown_wait", duration, func(h *task.HTTPLifecycle) *task.Duration { return &h.ShutdownWait }, "Longest wait after the second call.")
)

var preStops = structure[task.PreStop]{
	name:  "a pre stop",
	doc:   "What is done before a process gets its stop signal. Exactly one of cmdline, argv and http.",
	empty: task.DefaultPreStop,
	rows: []row[task.PreStop]{
		field("cmdline", text, func(p *task.PreStop) *string { return &p.Cmdline }, "A command that /bin/bash -c runs in the process' place."),
		field("argv", listOf(text), func(p *task.PreStop) *[]string { return &p.Argv }, "A command and its arguments, executed in the process' place without a shell."),
		field("http", optional(calls.kind()), func(p *task.PreStop) **task.HTTPCheck { return &p.HTTP }, "A request."),
		field("timeout", positive(duration), func(p *task.PreStop) *task.Duration { return &p.Timeout }, "After this long the signal is sent all the same."),
	},
}

var calls = structure[task.HTTPCheck]{
	name:  "a call",
	doc:   "One request on a connection of its own.",
	empty: task.DefaultCall,
	rows:  httpRows,
}

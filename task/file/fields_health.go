package file

import "github.com/dewarhq/dewar/task"

var checks = structure[task.Check]{
	name:  "a check",
	doc:   "A question that is asked again and again: are you well? One of http, tcp, shell, argv, grpc, file and notify says how it is asked.",
	empty: task.DefaultCheck,
	rows: []row[task.Check]{
		field("name", text, func(c *task.Check) *string { return &c.Name }, "Unique among the checks of its process, usable as a file name. Default: the role; of the task's own check, health."),
		field("role", choice(task.Roles), func(c *task.Check) *task.Role { return &c.Role },
			"liveness: is it well? readiness: can it serve now? Never kills. startup: has it started? The process' other checks are asked only after it."),
		field("action", choice(task.Actions), func(c *task.Check) *task.Action { return &c.Action },
			"What happens when it is unhealthy. fail_task: the task fails. restart: the process is restarted, and a failure of it is counted. none: it is said. Default: fail_task; of a readiness check, none."),
		field("http", optional(httpChecks.kind()), func(c *task.Check) **task.HTTPCheck { return &c.HTTP }, "By an HTTP request."),
		field("tcp", optional(tcpChecks.kind()), func(c *task.Check) **task.TCPCheck { return &c.TCP }, "By a connection."),
		field("shell", text, func(c *task.Check) *string { return &c.Shell }, "By a command that /bin/bash -c runs in the process' place; exit status 0 is well."),
		field("argv", listOf(text), func(c *task.Check) *[]string { return &c.Argv }, "By a command and its arguments, executed in the process' place without a shell; exit status 0 is well."),
		field("grpc", optional(grpcChecks.kind()), func(c *task.Check) **task.GRPCCheck { return &c.GRPC }, "By gRPC's health protocol, grpc.health.v1."),
		field("file", optional(fileChecks.kind()), func(c *task.Check) **task.FileCheck { return &c.File }, "By the age of a file."),
		field("notify", optional(notifyChecks.kind()), func(c *task.Check) **task.NotifyCheck { return &c.Notify }, "By WATCHDOG=1, which the process sends to $NOTIFY_SOCKET."),
		field("interval", positive(duration), func(c *task.Check) *task.Duration { return &c.Interval }, "Time from the start of an attempt to the start of the next."),
		field("timeout", positive(duration), func(c *task.Check) *task.Duration { return &c.Timeout }, "Longest time of one attempt, from its start to the end of the answer."),
		field("initial_interval", duration, func(c *task.Check) *task.Duration { return &c.InitialInterval }, "Grace: in the first ⌈initial_interval ÷ interval⌉ attempts failures are ignored. Default: 15s; of a readiness check, 0."),
		field("max_consecutive_failures", integer(0), func(c *task.Check) *int { return &c.MaxConsecutiveFailures }, "So many failures in a row are borne; one more is unhealthy."),
		field("min_consecutive_successes", integer(1), func(c *task.Check) *int { return &c.MinConsecutiveSuccesses }, "So many successes in a row are healthy."),
		field("max_inconclusive", integer(1), func(c *task.Check) *int { return &c.MaxInconclusive }, "So many attempts in a row that could not be made, and for inconclusive_for, are failures from then on."),
		field("inconclusive_for", duration, func(c *task.Check) *task.Duration { return &c.InconclusiveFor }, "See max_inconclusive."),
		field("capture", text, func(c *task.Check) *string { return &c.Capture }, `A command whose output is kept as evidence before this check kills, as in "jstack $DEWAR_PID".`),
	},
}

var httpChecks = structure[task.HTTPCheck]{
	name:  "an http check",
	doc:   "One request on a connection of its own. Redirects are not followed.",
	empty: task.DefaultHTTP,
	rows:  httpRows,
}

var httpRows = []row[task.HTTPCheck]{
	field("host", text, func(h *task.HTTPCheck) *string { return &h.Host }, "Default: localhost, which is 127.0.0.1 and ::1, success on either."),
	field("port", port, func(h *task.HTTPCheck) *task.Port { return &h.Port }, "A number, or the name of a port that the launch binds. Default: health."),
	field("socket", text, func(h *task.HTTPCheck) *string { return &h.Socket }, "Path of a unix socket in place of host and port; relative to the sandbox."),
	field("endpoint", text, func(h *task.HTTPCheck) *string { return &h.Endpoint }, "The path, with a query if there is one."),
	field("method", text, func(h *task.HTTPCheck) *string { return &h.Method }, "The method of the request."),
	field("headers", mapOf(text), func(h *task.HTTPCheck) *map[string]string { return &h.Headers }, "Fields of the request's header."),
	field("expected_response", text, func(h *task.HTTPCheck) *string { return &h.Expect }, `What the body has to be, but for spaces around it and upper or lower case. "": anything.`),
	field("expected_response_code", integer(0), func(h *task.HTTPCheck) *int { return &h.Code }, "What the status has to be. 0: anything below 400."),
	field("tls", optional(tlsParts.kind()), func(h *task.HTTPCheck) **task.TLS { return &h.TLS }, "https. {}: the server proves who it is to the system's authorities."),
}

var tlsParts = structure[task.TLS]{
	name:  "tls",
	doc:   "How a server proves who it is.",
	empty: zero[task.TLS],
	rows: []row[task.TLS]{
		field("ca", text, func(t *task.TLS) *string { return &t.CA }, "Absolute path, on the machine, of a file of PEM certificates. Default: the system's."),
		field("server_name", text, func(t *task.TLS) *string { return &t.ServerName }, "The name that is asked for (SNI) and has to be proven. Default: the host."),
		field("skip_verify", boolean, func(t *task.TLS) *bool { return &t.SkipVerify }, "Nothing has to be proven."),
	},
}

var tcpChecks = structure[task.TCPCheck]{
	name:  "a tcp check",
	doc:   "A connection. Without expect it also passes for a server that hangs, as long as the kernel takes connections for it.",
	empty: zero[task.TCPCheck],
	rows: []row[task.TCPCheck]{
		field("host", text, func(c *task.TCPCheck) *string { return &c.Host }, "Default: localhost, which is 127.0.0.1 and ::1, success on either."),
		field("port", port, func(c *task.TCPCheck) *task.Port { return &c.Port }, "A number, or the name of a port that the launch binds. Default: health."),
		field("socket", text, func(c *task.TCPCheck) *string { return &c.Socket }, "Path of a unix socket in place of host and port; relative to the sandbox."),
		field("send", text, func(c *task.TCPCheck) *string { return &c.Send }, "What is said."),
		field("expect", text, func(c *task.TCPCheck) *string { return &c.Expect }, "What the answer has to begin with."),
	},
}

var grpcChecks = structure[task.GRPCCheck]{
	name:  "a grpc check",
	doc:   "A call of grpc.health.v1.Health/Check.",
	empty: zero[task.GRPCCheck],
	rows: []row[task.GRPCCheck]{
		field("host", text, func(c *task.GRPCCheck) *string { return &c.Host }, "Default: localhost, which is 127.0.0.1 and ::1, success on either."),
		field("port", port, func(c *task.GRPCCheck) *task.Port { return &c.Port }, "A number, or the name of a port that the launch binds. Default: health."),
		field("service", text, func(c *task.GRPCCheck) *string { return &c.Service }, "The service that is asked about. Default: the server as a whole."),
		field("tls", optional(tlsParts.kind()), func(c *task.GRPCCheck) **task.TLS { return &c.TLS }, "Default: plain text."),
	},
}

var fileChecks = structure[task.FileCheck]{
	name:  "a file check",
	doc:   "The age of a file, since it was last written.",
	empty: zero[task.FileCheck],
	rows: []row[task.FileCheck]{
		field("path", text, func(c *task.FileCheck) *string { return &c.Path }, "The file as the process sees it; relative to the sandbox.").must(),
		field("max_age", positive(duration), func(c *task.FileCheck) *task.Duration { return &c.MaxAge }, "An older one is a failure, and so is none.").must(),
	},
}

var notifyChecks = structure[task.NotifyCheck]{
	name:  "a notify check",
	doc:   "WATCHDOG=1 on $NOTIFY_SOCKET, as of systemd's services with WatchdogSec.",
	empty: zero[task.NotifyCheck],
	rows: []row[task.NotifyCheck]{
		field("max_age", positive(duration), func(c *task.NotifyCheck) *task.Duration { return &c.MaxAge }, "If the last one is older, that is a failure. Default: the check's interval."),
	},
}

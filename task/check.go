package task

import (
	"strconv"
	"strings"
)

// Check is a question that is asked again and again of a process, or of the
// task as a whole: are you well? Exactly one of the kinds HTTP … Notify says how
// it is asked. The arithmetic by which answers become a verdict is Aurora's; see
// package healthcheck/judge.
type Check struct {
	Name   string `json:"name"`   // unique among the checks of its process; default: the role, of the task's own check "health"
	Role   Role   `json:"role"`   // default: liveness
	Action Action `json:"action"` // default: that of the role

	HTTP   *HTTPCheck   `json:"http,omitempty"`
	TCP    *TCPCheck    `json:"tcp,omitempty"`
	Shell  string       `json:"shell,omitempty"` // run by /bin/bash -c; exit status 0 is ok
	Argv   []string     `json:"argv,omitempty"`  // executed without a shell
	GRPC   *GRPCCheck   `json:"grpc,omitempty"`
	File   *FileCheck   `json:"file,omitempty"`
	Notify *NotifyCheck `json:"notify,omitempty"`

	Interval                Duration `json:"interval"`         // from start to start
	Timeout                 Duration `json:"timeout"`          // of one attempt as a whole
	InitialInterval         Duration `json:"initial_interval"` // grace: ⌈initial_interval ÷ interval⌉ attempts of which failures are ignored; default: DefaultGrace
	MaxConsecutiveFailures  int      `json:"max_consecutive_failures"`
	MinConsecutiveSuccesses int      `json:"min_consecutive_successes"`

	// Answers that are inconclusive so many times in a row, and for so long, are
	// failures from then on.
	MaxInconclusive int      `json:"max_inconclusive"`
	InconclusiveFor Duration `json:"inconclusive_for"`

	// Capture is a command whose output goes into the evidence before this check
	// kills: "jstack $DEWAR_PID". Empty: none.
	Capture string `json:"capture,omitempty"`
}

// Role says what a check's verdict is for.
type Role string

const (
	Liveness  Role = "liveness"  // the default: unhealthy is acted upon
	Readiness Role = "readiness" // it goes back and forth, and never kills
	Startup   Role = "startup"   // the process' other checks are asked only after it; asked no more once it has passed
)

// Action says what an unhealthy verdict does.
type Action string

const (
	FailTask Action = "fail_task" // as in Aurora; the default of liveness and startup
	Restart  Action = "restart"   // of the process whose check it is; counts as a failure of it
	NoAction Action = "none"      // it is said, and edges see it; the only one of readiness, and its default
)

// HTTPCheck is one request, on a connection of its own. Redirects are not
// followed.
type HTTPCheck struct {
	Host     string            `json:"host,omitempty"`   // default "localhost": 127.0.0.1 and ::1, success on either
	Port     Port              `json:"port,omitempty"`   // a number, or the name of one of the task's ports; default "health"
	Socket   string            `json:"socket,omitempty"` // path of a unix socket, in place of host and port; relative to the sandbox
	Endpoint string            `json:"endpoint"`         // default "/health"
	Method   string            `json:"method"`           // default GET
	Headers  map[string]string `json:"headers,omitempty"`
	Expect   string            `json:"expected_response"`      // the body, trimmed, whatever its case; default "ok"; empty: any
	Code     int               `json:"expected_response_code"` // 0: any below 400
	TLS      *TLS              `json:"tls,omitempty"`          // https
}

// TLS says how a server proves who it is. Without a CA the system's are asked.
type TLS struct {
	CA         string `json:"ca,omitempty"`          // path of PEM certificates, on the machine
	ServerName string `json:"server_name,omitempty"` // SNI, and the name that is verified; default: the host
	SkipVerify bool   `json:"skip_verify,omitempty"`
}

// TCPCheck connects; with Send and Expect it also talks. Without Expect it
// passes for a hung server whose backlog still has room.
type TCPCheck struct {
	Host   string `json:"host,omitempty"` // as of HTTPCheck
	Port   Port   `json:"port,omitempty"`
	Socket string `json:"socket,omitempty"`
	Send   string `json:"send,omitempty"`
	Expect string `json:"expect,omitempty"` // what comes has to begin with it
}

// GRPCCheck calls grpc.health.v1.Health/Check.
type GRPCCheck struct {
	Host    string `json:"host,omitempty"`
	Port    Port   `json:"port,omitempty"`
	Service string `json:"service,omitempty"`
	TLS     *TLS   `json:"tls,omitempty"` // nil: plain text
}

// FileCheck looks at when a file was last written.
type FileCheck struct {
	Path   string   `json:"path"` // relative to the sandbox, as the process sees it
	MaxAge Duration `json:"max_age"`
}

// NotifyCheck wants WATCHDOG=1 on $NOTIFY_SOCKET at least once an interval; it
// is asked of the newest one's age.
type NotifyCheck struct {
	MaxAge Duration `json:"max_age"` // default: the check's interval
}

// Port is a TCP port by number, or by its name among the task's ports.
type Port string

// Number is the port's number, with the launch's ports for those with names;
// 0 if the launch has none of its name, or the number is none.
func (p Port) Number(ports map[string]int) int {
	number := ports[string(p)]
	if p.isNumber() {
		number, _ = strconv.Atoi(string(p))
	}
	if number < 1 || number > 65535 {
		return 0
	}
	return number
}

// isNumber tells a port's number from its name.
func (p Port) isNumber() bool { return p != "" && strings.Trim(string(p), "0123456789") == "" }

// isName tells names that a launch can bind to a number.
func (p Port) isName() bool {
	return isVariable(PortVariable(string(p))) && !strings.ContainsRune("0123456789-.", rune(p[0]))
}

// OnLost says what becomes of a process whose edge "ready" or "healthy" was
// satisfied when it started, and is no longer.
type OnLost string

const (
	LostIgnore  OnLost = "ignore"  // the default: an edge gates starts alone
	LostStop    OnLost = "stop"    // it is stopped at once, and started again when its edges are satisfied
	LostRestart OnLost = "restart" // it runs on, and is restarted when the edge is satisfied again
)

// Lifecycle are the calls that a task gets before its processes get signals.
type Lifecycle struct {
	HTTP *HTTPLifecycle `json:"http,omitempty"`
}

// HTTPLifecycle is Aurora's: POST to each endpoint, and a wait that ends as soon
// as nothing of the task runs. An endpoint that answers 404 or 405 is not waited
// for.
type HTTPLifecycle struct {
	Port                 Port     `json:"port"`                       // default "health"
	GracefulEndpoint     string   `json:"graceful_shutdown_endpoint"` // default "/quitquitquit"
	GracefulShutdownWait Duration `json:"graceful_shutdown_wait"`     // default 5 s
	ShutdownEndpoint     string   `json:"shutdown_endpoint"`          // default "/abortabortabort"
	ShutdownWait         Duration `json:"shutdown_wait"`              // default 5 s
}

// PreStop is done before a process gets its stop signal, within Timeout, which
// is a part of the stop's time. Exactly one of Cmdline, Argv, HTTP.
type PreStop struct {
	Cmdline string     `json:"cmdline,omitempty"` // in the place of the process, as dewar exec runs commands
	Argv    []string   `json:"argv,omitempty"`
	HTTP    *HTTPCheck `json:"http,omitempty"`
	Timeout Duration   `json:"timeout"` // default 5 s
}

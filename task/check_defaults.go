package task

import (
	"encoding/json"
	"time"
)

// HealthPort is the port that is asked where none is named: Aurora's.
const HealthPort Port = "health"

// DefaultCheck is a check in which every field that has a default holds it:
// Aurora's. Name and Action come with FillIn, since they depend on others. It
// asks nothing yet.
func DefaultCheck() Check {
	return Check{
		Role:                    Liveness,
		Interval:                Duration(10 * time.Second),
		Timeout:                 Duration(time.Second),
		InitialInterval:         DefaultGrace(Liveness),
		MinConsecutiveSuccesses: 1,
		MaxInconclusive:         10,
		InconclusiveFor:         Duration(5 * time.Minute),
	}
}

// DefaultGrace is the initial_interval of a check that does not say: Aurora's.
// What never kills needs none, and would only be late to say what it is for.
func DefaultGrace(r Role) Duration {
	if r == Readiness {
		return 0
	}
	return Duration(15 * time.Second)
}

// DefaultHTTP asks /health whether it says "ok". The port comes with FillIn,
// since a socket may be in its place.
func DefaultHTTP() HTTPCheck {
	return HTTPCheck{Endpoint: "/health", Method: "GET", Expect: "ok"}
}

// DefaultHTTPLifecycle are Aurora's calls.
func DefaultHTTPLifecycle() HTTPLifecycle {
	return HTTPLifecycle{
		Port:                 HealthPort,
		GracefulEndpoint:     "/quitquitquit",
		GracefulShutdownWait: Duration(5 * time.Second),
		ShutdownEndpoint:     "/abortabortabort",
		ShutdownWait:         Duration(5 * time.Second),
	}
}

// DefaultPreStop does nothing yet, for at most 5 s.
func DefaultPreStop() PreStop { return PreStop{Timeout: Duration(5 * time.Second)} }

// DefaultCall is the request of a pre_stop: it posts, and whatever is answered
// will do.
func DefaultCall() HTTPCheck { return HTTPCheck{Method: "POST"} }

// fillIn sets what depends on others: name is that of a check which has none.
func (c *Check) fillIn(name string) {
	if c.Name == "" {
		c.Name = name
	}
	if c.Action == "" {
		c.Action = c.Role.action()
	}
	if c.HTTP != nil {
		c.HTTP.fillIn()
	}
	if c.TCP != nil {
		byDefault(&c.TCP.Port, c.TCP.Socket)
	}
	if c.GRPC != nil {
		byDefault(&c.GRPC.Port, "")
	}
	if c.Notify != nil && c.Notify.MaxAge == 0 {
		c.Notify.MaxAge = c.Interval
	}
}

func (h *HTTPCheck) fillIn() { byDefault(&h.Port, h.Socket) }

func byDefault(p *Port, socket string) {
	if *p == "" && socket == "" {
		*p = HealthPort
	}
}

// action is what an unhealthy verdict does where a check does not say.
func (r Role) action() Action {
	if r == Readiness {
		return NoAction
	}
	return FailTask
}

func (t *Task) fillInChecks() {
	if t.Check != nil {
		t.Check.fillIn("health")
	}
	for i := range t.Processes {
		p := &t.Processes[i]
		for j := range p.Checks {
			p.Checks[j].fillIn(string(p.Checks[j].Role))
		}
		if p.PreStop != nil && p.PreStop.HTTP != nil {
			p.PreStop.HTTP.fillIn()
		}
	}
}

// UnmarshalJSON gives absent fields their defaults. Unknown fields are passed
// over: a newer version may have written them.
func (c *Check) UnmarshalJSON(data []byte) error {
	type plain Check
	q := plain(DefaultCheck())
	said := struct {
		InitialInterval *Duration `json:"initial_interval"`
		*plain
	}{plain: &q}
	if err := json.Unmarshal(data, &said); err != nil {
		return err
	}
	if *c = Check(q); said.InitialInterval != nil {
		c.InitialInterval = *said.InitialInterval
	} else {
		c.InitialInterval = DefaultGrace(c.Role)
	}
	return nil
}

// UnmarshalJSON gives absent fields their defaults. Unknown fields are passed
// over: a newer version may have written them.
func (h *HTTPCheck) UnmarshalJSON(data []byte) error {
	type plain HTTPCheck
	q := plain(DefaultHTTP())
	if err := json.Unmarshal(data, &q); err != nil {
		return err
	}
	*h = HTTPCheck(q)
	return nil
}

// UnmarshalJSON gives absent fields their defaults. Unknown fields are passed
// over: a newer version may have written them.
func (h *HTTPLifecycle) UnmarshalJSON(data []byte) error {
	type plain HTTPLifecycle
	q := plain(DefaultHTTPLifecycle())
	if err := json.Unmarshal(data, &q); err != nil {
		return err
	}
	*h = HTTPLifecycle(q)
	return nil
}

// UnmarshalJSON gives absent fields their defaults. Unknown fields are passed
// over: a newer version may have written them.
func (p *PreStop) UnmarshalJSON(data []byte) error {
	type plain PreStop
	q := plain(DefaultPreStop())
	if err := json.Unmarshal(data, &q); err != nil {
		return err
	}
	*p = PreStop(q)
	return nil
}

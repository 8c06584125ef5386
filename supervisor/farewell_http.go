package supervisor

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/dewarhq/dewar/healthcheck"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// lifecycleAsker makes one of the task's life-cycle calls.
func (b *brain) lifecycleAsker(a machine.Call) (healthcheck.Asker, error) {
	return b.requestAsker(machine.Asked{}, task.HTTPCheck{Port: a.Port, Endpoint: a.Endpoint, Method: http.MethodPost})
}

// requestAsker makes one request that does something. Unlike a check's it is not
// made of both of localhost's addresses, but of the second one only if nobody
// listens at the first: once is enough.
func (b *brain) requestAsker(whose machine.Asked, c task.HTTPCheck) (healthcheck.Asker, error) {
	hosts := []string{c.Host}
	if c.Socket == "" && (c.Host == "" || c.Host == "localhost") {
		hosts = []string{"127.0.0.1", "::1"}
		c = named(c, b.launch.Ports)
	}
	var all errand
	for _, host := range hosts {
		one := c
		one.Host = host
		asker, err := b.socketAsker(whose, &task.Check{Name: c.Endpoint, HTTP: &one})
		if err != nil {
			return nil, err
		}
		all = append(all, asker)
	}
	return all, nil
}

// named is a request to localhost that calls it so, whichever address is asked.
func named(c task.HTTPCheck, ports map[string]int) task.HTTPCheck {
	const localhost = "localhost"
	headers := map[string]string{"Host": net.JoinHostPort(localhost, fmt.Sprint(c.Port.Number(ports)))}
	for name, value := range c.Headers {
		headers[http.CanonicalHeaderKey(name)] = value
	}
	c.Headers = headers
	if c.TLS != nil && c.TLS.ServerName == "" {
		tls := *c.TLS
		tls.ServerName = localhost
		c.TLS = &tls
	}
	return c
}

// errand is one request, made of the first of several addresses at which somebody
// listens.
type errand []healthcheck.Asker

func (r errand) Ask(deadline time.Time) healthcheck.Answer {
	first := r[0].Ask(deadline)
	for _, other := range r[1:] {
		if first.Phase != healthcheck.Connect {
			break
		}
		if next := other.Ask(deadline); next.Phase != healthcheck.Connect {
			return next
		}
	}
	return first
}

func (r errand) Close() error {
	var errs []error
	for _, a := range r {
		errs = append(errs, a.Close())
	}
	return errors.Join(errs...)
}

// unheard are the answers of those who know no such endpoint, or no POST at all.
var unheard = []int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented}

// heardOf says whether somebody may act upon a call, and what came of it. Only
// who certainly did not hear is not waited for.
func heardOf(a healthcheck.Answer) (heard bool, said string) {
	switch {
	case a.Code != 0:
		return !slices.Contains(unheard, a.Code), fmt.Sprintf("was answered %d", a.Code)
	case a.Phase == healthcheck.Headers || a.Phase == healthcheck.Body:
		return true, "was sent, and not answered: " + a.Reason
	}
	return false, "reached nobody: " + strings.TrimSpace(a.Reason)
}

package supervisor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/dewarhq/dewar/healthcheck"
	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/supervisor/machine"
	"github.com/dewarhq/dewar/task"
)

// lifecycleAsker makes one of the task's life-cycle calls.
func (b *brain) lifecycleAsker(a machine.Call) (healthcheck.Asker, error) {
	port, err := b.portOf(a.Port)
	if err != nil {
		return nil, err
	}
	return newPost(port, a.Endpoint), nil
}

// portOf is the number of a port that a check or a call names.
func (b *brain) portOf(p task.Port) (int, error) {
	if n := p.Number(b.launch.Ports); n != 0 {
		return n, nil
	}
	return 0, fmt.Errorf("the task has no port named %s", task.Quote(string(p)))
}

// post is one POST without a body to localhost.
type post struct {
	url     string
	ctx     context.Context
	cancel  context.CancelFunc
	answers time.Time
}

func newPost(port int, endpoint string) *post {
	p := &post{url: "http://" + net.JoinHostPort("localhost", strconv.Itoa(port)) + endpoint}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

func (p *post) Close() error { p.cancel(); return nil }

func (p *post) Ask(deadline time.Time) healthcheck.Answer {
	ctx, cancel := context.WithDeadline(p.ctx, deadline)
	defer cancel()
	transport := &http.Transport{DisableKeepAlives: true}
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, http.NoBody)
	if err != nil {
		return healthcheck.Answer{Outcome: judge.Fail, Reason: err.Error()}
	}
	response, err := client.Do(request)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return healthcheck.Answer{Outcome: judge.Fail, Phase: healthcheck.Connect, Reason: "connection refused"}
	case err != nil:
		return healthcheck.Answer{Outcome: judge.Fail, Phase: healthcheck.Headers, Reason: err.Error()}
	}
	response.Body.Close()
	return healthcheck.Answer{Outcome: judge.OK, Phase: healthcheck.Headers, Excerpt: strconv.Itoa(response.StatusCode)}
}

// unheard are the answers of those who know no such endpoint, or no POST at all.
var unheard = []string{"404", "405", "501"}

// heardOf says whether somebody may act upon a call, and what came of it. Only
// who certainly did not hear is not waited for.
func heardOf(a healthcheck.Answer) (heard bool, said string) {
	switch {
	case a.Outcome == judge.OK:
		return !slices.Contains(unheard, a.Excerpt), "was answered " + a.Excerpt
	case a.Phase == healthcheck.Headers || a.Phase == healthcheck.Body:
		return true, "was sent, and not answered: " + a.Reason
	}
	return false, "reached nobody: " + strings.TrimSpace(a.Reason)
}

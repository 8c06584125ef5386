package task

import (
	"fmt"
	"slices"
	"strings"
)

func (v *validation) lifecycle(l *Lifecycle) {
	if l == nil {
		return
	}
	if l.HTTP == nil {
		v.add(Path{"lifecycle"}, "lifecycle has no calls: give it http, or take it away")
		return
	}
	at, h := Path{"lifecycle", "http"}, l.HTTP
	v.port(at.With("port"), h.Port)
	v.endpoint(at.With("graceful_shutdown_endpoint"), h.GracefulEndpoint)
	v.endpoint(at.With("shutdown_endpoint"), h.ShutdownEndpoint)
	v.span(at.With("graceful_shutdown_wait"), h.GracefulShutdownWait)
	v.span(at.With("shutdown_wait"), h.ShutdownWait)
}

func (v *validation) preStop(p *Process, at Path) {
	s := p.PreStop
	if s == nil {
		return
	}
	ways := 0
	for _, here := range []bool{s.Cmdline != "", len(s.Argv) > 0, s.HTTP != nil} {
		if here {
			ways++
		}
	}
	if ways != 1 {
		v.add(at, "pre_stop of process %s has %d of cmdline, argv and http: give one", Quote(p.Name), ways)
	}
	v.addErr(at.With("cmdline"), checkArgument(s.Cmdline), "cmdline of pre_stop of process %s", Quote(p.Name))
	for j, arg := range s.Argv {
		v.addErr(at.With("argv", j), checkArgument(arg), "argv[%d] of pre_stop of process %s", j, Quote(p.Name))
	}
	if s.HTTP != nil {
		v.http(at.With("http"), s.HTTP)
	}
	v.positiveSpan(at.With("timeout"), s.Timeout)
}

// budget refuses calls before the signals that finalization_wait has no room
// for. Without such calls a stop_timeout is simply cut short by the budget.
func (v *validation) budget(links []link) {
	stops := func(p Process) bool { return p.PreStop != nil }
	if v.Lifecycle == nil && !slices.ContainsFunc(v.Processes, stops) {
		return
	}
	var parts []string
	var need Duration
	add := func(d Duration, what string) {
		if d > 0 {
			need, parts = need.plus(d), append(parts, fmt.Sprintf("%s for %s", d, what))
		}
	}
	if v.Lifecycle != nil && v.Lifecycle.HTTP != nil {
		add(v.Lifecycle.HTTP.GracefulShutdownWait, "the graceful_shutdown_wait")
		add(v.Lifecycle.HTTP.ShutdownWait, "the shutdown_wait")
	}
	for _, i := range v.longestStop(links) {
		p := &v.Processes[i]
		if p.PreStop != nil {
			add(p.PreStop.Timeout, "the pre_stop of "+Quote(p.Name))
		}
		add(p.StopTimeout, "the stop_timeout of "+Quote(p.Name))
	}
	if need > v.FinalizationWait {
		const most = 8
		if len(parts) > most {
			parts = append(parts[:most-1:most-1], fmt.Sprintf("%d more", len(parts)-most+1))
		}
		v.add(Path{"finalization_wait"}, "stopping the task can take %s (%s), and finalization_wait is %s: raise it, or lower them", need, strings.Join(parts, ", "), v.FinalizationWait)
	}
}

// longestStop are the processes that may have to be stopped one after another
// and that take longest together, in that order. A process is stopped after
// those that started beside it while it lived.
func (v *validation) longestStop(links []link) []int {
	n := len(v.Processes)
	missing, after := make([]int, n), make([][]int, n) // after: who starts after whom
	for _, l := range links {
		if l.when == WhenStarted || l.when == WhenReady || l.when == WhenHealthy {
			missing[l.from]++
			after[l.to] = append(after[l.to], l.from)
		}
	}
	took, before := make([]Duration, n), make([]int, n)
	var free []int
	for i := range n {
		if before[i] = -1; missing[i] == 0 {
			free = append(free, i)
		}
	}
	longest := -1
	for len(free) > 0 {
		i := free[len(free)-1]
		free = free[:len(free)-1]
		if p := &v.Processes[i]; !p.Final {
			took[i] = took[i].plus(p.stopTime())
			if longest < 0 || took[i] > took[longest] {
				longest = i
			}
		}
		for _, next := range after[i] {
			if took[i] > took[next] {
				took[next], before[next] = took[i], i
			}
			if missing[next]--; missing[next] == 0 {
				free = append(free, next)
			}
		}
	}
	var chain []int
	for i := longest; i >= 0; i = before[i] {
		chain = append(chain, i)
	}
	slices.Reverse(chain)
	return chain
}

// stopTime is the longest that stopping the process alone can take.
func (p *Process) stopTime() Duration {
	if p.PreStop == nil {
		return p.StopTimeout
	}
	return p.PreStop.Timeout.plus(p.StopTimeout)
}

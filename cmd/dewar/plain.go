package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/dewarhq/dewar/cli/show"
	"github.com/dewarhq/dewar/observer"
	"github.com/dewarhq/dewar/supervisor/machine"
)

// plain follows in lines: one for each event, on stderr; what processes say on
// the console goes to stdout. With --json the journal's records go to stdout
// and nothing else does.
func (f *follower) plain(ctx context.Context, signals <-chan os.Signal) error {
	ctx, cancel := context.WithCancel(ctx)
	killer := f.heed(ctx, signals)
	p := &printer{follower: f, teller: show.Teller{Verbose: f.app.verbose}, trouble: f.app.troubles()}
	err := f.watch(ctx, p.print, sink{f.app.out})
	cancel()
	killer.Wait()
	return err
}

// heed asks for a kill at each signal, until ctx ends; then its goroutine
// ends, which the caller waits for.
func (f *follower) heed(ctx context.Context, signals <-chan os.Signal) *sync.WaitGroup {
	var owned sync.WaitGroup
	owned.Go(func() {
		for n := 1; ; n++ {
			select {
			case <-ctx.Done():
				return
			case s := <-signals:
				if n == 1 {
					f.app.note("%v: asking the task to end; once more ends it at once", s)
				} else {
					f.app.note("%v: ending the task at once", s)
				}
				if err := f.kill(ctx, graceOf(n)); err != nil && ctx.Err() == nil {
					f.app.note("dewar: %v", err)
				}
			}
		}
	})
	return &owned
}

// printer prints changes.
type printer struct {
	*follower
	teller  show.Teller
	trouble func(*observer.View)
}

func (p *printer) print(c observer.Change) error {
	before := c.First && p.attached // what happened before we were there
	for _, e := range c.Entries {
		if p.json {
			p.line(p.app.out, string(machine.Encode(e.Seq, e.At, e.Record)))
			continue
		}
		if line, ok := p.teller.Line(e.At, e.Record); ok && !before {
			p.line(p.app.err, time.Unix(0, e.At.Wall).Format("15:04:05.000 ")+show.Printable(line))
		}
	}
	if before && !p.json {
		p.line(p.app.err, fmt.Sprintf("task %s is %s: %s", c.View.ID, c.View.State.State, show.Tally(c.View.State.Counts)))
	}
	if !p.json {
		p.trouble(c.View)
	}
	return nil
}

// troubles says of each view what is wrong with who keeps the task, when that
// begins.
func (a *app) troubles() func(*observer.View) {
	said := ""
	return func(v *observer.View) {
		trouble := ""
		if errors.Is(v.Quarantine, observer.ErrNotTask) {
			trouble = v.Quarantine.Error()
		} else if v.Quarantine != nil {
			trouble = fmt.Sprintf("in quarantine: %v; nothing but a kill is possible: dewar kill %s", v.Quarantine, v.ID)
		} else {
			trouble = v.Brainless()
		}
		if trouble != said && trouble != "" {
			a.note("! task %s: %s", v.ID, show.Printable(trouble))
		}
		said = trouble
	}
}

// line writes a line. Nobody may be there to read it any more: the task is
// followed all the same.
func (p *printer) line(to io.Writer, text string) { fmt.Fprintln(to, text) }

// sink writes as long as somebody reads, and never fails.
type sink struct{ to io.Writer }

func (s sink) Write(b []byte) (int, error) {
	s.to.Write(b)
	return len(b), nil
}

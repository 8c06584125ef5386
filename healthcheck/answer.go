package healthcheck

import (
	"time"

	"github.com/dewarhq/dewar/healthcheck/judge"
)

// Phase is how far asking came.
type Phase string

const (
	Resolve Phase = "resolve"
	Connect Phase = "connect"
	TLS     Phase = "tls"
	Headers Phase = "headers"
	Body    Phase = "body"
	Exec    Phase = "exec" // a command, or a file, or a word of the process
)

// Answer is what asking once came to.
type Answer struct {
	Outcome judge.Outcome
	Phase   Phase         // the last one that was begun
	Reason  string        // a sentence of at most 256 bytes; empty for OK
	Excerpt string        // of what was answered: at most 256 bytes, printable
	Code    int           // of HTTP: the status that was answered; 0: none was
	Latency time.Duration // from the start of asking to the verdict
}

// Asker asks one thing of one target. Ask comes back by the deadline, give or
// take 50 ms, whatever the target does; it is not called twice at once. Late
// wake-ups of our own are the caller's to notice. Close ends an Ask that runs.
type Asker interface {
	Ask(deadline time.Time) Answer
	Close() error
}

package socket

import (
	"bytes"
	"fmt"
	"net"
	"time"

	"github.com/dewarhq/dewar/healthcheck"
	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/task"
)

type tcpAsker struct {
	*target
	check *task.TCPCheck
}

func newTCP(c *task.TCPCheck, p Place) (*tcpAsker, error) {
	t, err := newTarget(c.Host, c.Port, c.Socket, p)
	if err != nil {
		return nil, err
	}
	t.knocks = c.Send == "" && c.Expect == ""
	return &tcpAsker{t, c}, nil
}

// Ask connects, and says and hears what the check wants.
func (a *tcpAsker) Ask(deadline time.Time) healthcheck.Answer {
	return a.ask(deadline, func(conn net.Conn) healthcheck.Answer {
		if a.check.Send != "" {
			if _, err := conn.Write([]byte(a.check.Send)); err != nil {
				return failed(healthcheck.Body, err)
			}
		}
		if a.check.Expect == "" {
			return healthcheck.Answer{Outcome: judge.OK, Phase: healthcheck.Connect}
		}
		answer := hearWord(conn, []byte(a.check.Expect))
		if c, ok := conn.(*net.TCPConn); ok {
			c.CloseWrite() //nolint:errcheck // it only lets the other side go earlier
		}
		return answer
	})
}

// hearWord reads until what comes begins with what is wanted, or cannot any more.
func hearWord(conn net.Conn, want []byte) healthcheck.Answer {
	var heard []byte
	buf := make([]byte, min(len(want), maxBody))
	for len(heard) < len(want) && bytes.HasPrefix(want, heard) {
		n, err := conn.Read(buf[:min(len(buf), len(want)-len(heard))])
		heard = append(heard, buf[:n]...)
		if err != nil && len(heard) < len(want) {
			answer := failed(healthcheck.Body, err)
			answer.Excerpt = healthcheck.Clean(string(heard))
			return answer
		}
	}
	answer := healthcheck.Answer{Outcome: judge.OK, Phase: healthcheck.Body, Excerpt: healthcheck.Clean(string(heard))}
	if !bytes.HasPrefix(heard, want) {
		answer.Outcome = judge.Fail
		answer.Reason = healthcheck.Clean(fmt.Sprintf("it said %s, expected %s", task.Quote(abridged(string(heard))), task.Quote(abridged(string(want)))))
	}
	return answer
}

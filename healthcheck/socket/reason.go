package socket

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/dewarhq/dewar/healthcheck"
	"github.com/dewarhq/dewar/healthcheck/judge"
)

// failed is what an error of asking says: something of the target, unless it is
// for want of something on our side.
func failed(phase healthcheck.Phase, err error) healthcheck.Answer {
	answer := healthcheck.Answer{Outcome: judge.Fail, Phase: phase, Reason: healthcheck.Clean(sentence(phase, err))}
	for _, ours := range []syscall.Errno{syscall.EADDRNOTAVAIL, syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, ours) {
			answer.Outcome = judge.Inconclusive
		}
	}
	return answer
}

func sentence(phase healthcheck.Phase, err error) string {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return "no " + wanted(phase) + " in time"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens: " + err.Error()
	case errors.Is(err, syscall.EAGAIN): // only of a unix socket, by unix(7)
		return "its backlog is full: " + err.Error()
	case errors.Is(err, fs.ErrNotExist):
		return "there is no socket: " + err.Error()
	}
	return err.Error()
}

func wanted(phase healthcheck.Phase) string {
	switch phase {
	case healthcheck.Connect:
		return "connection"
	case healthcheck.TLS:
		return "TLS handshake"
	}
	return "answer"
}

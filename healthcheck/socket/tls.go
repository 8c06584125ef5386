package socket

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/healthcheck"
	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/task"
)

// trust is what a target's certificate is held against. Nothing is resumed: each
// handshake is to prove itself.
type trust struct {
	config *tls.Config // its RootCAs are nil as long as ca is to be read
	ca     string      // empty: the system's
	read   version     // of which RootCAs are
}

// version tells one content of a file from the next.
type version struct {
	dev, ino      uint64
	size, written int64
}

func trustOf(t *task.TLS, host string, protocol string) *trust {
	if t == nil {
		return nil
	}
	c := &tls.Config{
		ServerName: t.ServerName, InsecureSkipVerify: t.SkipVerify, SessionTicketsDisabled: true,
		MinVersion: tls.VersionTLS12, NextProtos: []string{protocol},
	}
	if c.ServerName == "" {
		c.ServerName = host
	}
	return &trust{config: c, ca: t.CA}
}

// errNoCertificate is of a file that could be read.
var errNoCertificate = errors.New("there is none in it")

// now is the configuration of this attempt, nil without TLS; else the answer of
// one that cannot be made. What was read once will do while the file cannot be
// read again. It is not called twice at once.
func (t *trust) now() (*tls.Config, healthcheck.Answer, bool) {
	switch {
	case t == nil:
		return nil, healthcheck.Answer{}, true
	case t.ca == "":
		return t.config, healthcheck.Answer{}, true
	}
	begun := time.Now()
	err := t.refresh()
	if err == nil || t.config.RootCAs != nil {
		return t.config, healthcheck.Answer{}, true
	}
	answer := healthcheck.Answer{Outcome: judge.Inconclusive, Phase: healthcheck.TLS, Latency: time.Since(begun)}
	if errors.Is(err, errNoCertificate) {
		answer.Outcome = judge.Misconfigured
	}
	answer.Reason = healthcheck.Clean(fmt.Sprintf("read the certificates of the check in %s: %v", t.ca, err))
	return nil, answer, false
}

// refresh reads the file if it is another than was read. The path is whatever
// the task's author wrote: what is there is opened only once it is known to be
// a file, and never waited for. An empty one, as those of /proc are, is not yet
// written.
func (t *trust) refresh() error {
	const most = 1 << 20
	there, err := Place{}.open(t.ca, unix.O_PATH) // in the machine's root
	if err != nil {
		return err
	}
	defer unix.Close(there)
	var st unix.Stat_t
	if err := unix.Fstat(there, &st); err != nil {
		return err
	}
	is := version{st.Dev, st.Ino, st.Size, st.Mtim.Nano()}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return errors.New("it is no regular file")
	case st.Size == 0:
		return errors.New("it is empty")
	case st.Size > most:
		return fmt.Errorf("it has %d bytes, and may have %d", st.Size, most)
	case t.config.RootCAs != nil && is == t.read:
		return nil
	}
	file, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", there), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	pem, err := io.ReadAll(io.LimitReader(file, most))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return errNoCertificate
	}
	t.config, t.read = t.config.Clone(), is // an earlier attempt may still shake hands
	t.config.RootCAs = roots
	return nil
}

// secure shakes hands if there is a configuration.
func secure(conn net.Conn, c *tls.Config) (net.Conn, healthcheck.Answer, bool) {
	if c == nil {
		return conn, healthcheck.Answer{}, true
	}
	secured := tls.Client(conn, c)
	err := secured.Handshake()
	if err == nil {
		return secured, healthcheck.Answer{}, true
	}
	answer := failed(healthcheck.TLS, err)
	var untrusted *tls.CertificateVerificationError
	if errors.As(err, &untrusted) {
		answer.Outcome, answer.Reason = judge.Fail, healthcheck.Clean("its certificate is not trusted: "+untrusted.Err.Error())
	}
	return nil, answer, false
}

package socket

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/dewarhq/dewar/healthcheck"
	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/task"
)

// tlsConfig is shared by all that a check asks. Nothing is resumed: each
// handshake is to prove itself.
func tlsConfig(t *task.TLS, host string, protocol string) (*tls.Config, error) {
	c := &tls.Config{
		ServerName: t.ServerName, InsecureSkipVerify: t.SkipVerify, SessionTicketsDisabled: true,
		MinVersion: tls.VersionTLS12, NextProtos: []string{protocol},
	}
	if c.ServerName == "" {
		c.ServerName = host
	}
	if t.CA == "" {
		return c, nil
	}
	pem, err := os.ReadFile(t.CA)
	if err != nil {
		return nil, fmt.Errorf("read the certificates of the check: %w", err)
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read the certificates of the check: there is none in %s", t.CA)
	}
	return c, nil
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

package socket_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dewarhq/dewar/healthcheck"
	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/healthcheck/socket"
	"github.com/dewarhq/dewar/task"
)

func tlsOf(address string, how *task.TLS) *task.Check {
	c := httpOf(address)
	c.HTTP.TLS = how
	return c
}

// secure is a server whose certificate is for example.com, 127.0.0.1 and ::1, and
// the file of who signed it.
func secure(t testing.TB, h http.Handler, http2 bool) (address, ca string) {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.EnableHTTP2 = http2
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it says whom it did not please
	server.StartTLS()
	t.Cleanup(server.Close)
	ca = filepath.Join(t.TempDir(), "ca.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	return server.Listener.Addr().String(), ca
}

func TestTLS(t *testing.T) {
	address, ca := secure(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }), false)
	for _, c := range []struct {
		name    string
		tls     task.TLS
		outcome judge.Outcome
	}{
		{"its address", task.TLS{CA: ca}, judge.OK},
		{"its name", task.TLS{CA: ca, ServerName: "example.com"}, judge.OK},
		{"a wrong name", task.TLS{CA: ca, ServerName: "wrong.test"}, judge.Fail},
		{"nobody we know", task.TLS{}, judge.Fail},
		{"a wrong name that does not matter", task.TLS{ServerName: "wrong.test", SkipVerify: true}, judge.OK},
	} {
		t.Run(c.name, func(t *testing.T) {
			phase := healthcheck.TLS
			if c.outcome == judge.OK {
				phase = healthcheck.Body
			}
			expect(t, ask(t, tlsOf(address, &c.tls), 10*time.Second), c.outcome, phase, "")
		})
	}
	plain := listen(t, "tcp4", "127.0.0.1:0")
	go http.Serve(plain, http.NotFoundHandler()) //nolint:errcheck // until it is closed
	expect(t, ask(t, tlsOf(plain.Addr().String(), &task.TLS{CA: ca}), 10*time.Second), judge.Fail, healthcheck.TLS, "first record")
	mute := listen(t, "tcp4", "127.0.0.1:0").Addr().String()
	expect(t, ask(t, tlsOf(mute, &task.TLS{CA: ca}), 300*time.Millisecond), judge.Fail, healthcheck.TLS, "in time")
}

// TestUnreadableCA: what a check trusts is read in the attempt, and never waited
// for. What is not there yet is not the target's fault.
func TestUnreadableCA(t *testing.T) {
	address, good := secure(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }), false)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := unix.Mkfifo(at("fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"empty": "", "prose": "no certificate", "huge": "x"} {
		if err := os.WriteFile(at(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Truncate(at("huge"), 1<<40); err != nil {
		t.Fatal(err)
	}
	for ca, c := range map[string]struct {
		outcome judge.Outcome
		words   string
	}{
		at("fifo"):   {judge.Inconclusive, "no regular file"},
		at("none"):   {judge.Inconclusive, "no such file"},
		at("empty"):  {judge.Inconclusive, "it is empty"},
		at("huge"):   {judge.Inconclusive, "1099511627776 bytes"},
		at("prose"):  {judge.Misconfigured, "there is none in it"},
		dir:          {judge.Inconclusive, "no regular file"},
		"/dev/zero":  {judge.Inconclusive, "no regular file"},
		"/proc/stat": {judge.Inconclusive, "it is empty"},
	} {
		for kind, check := range map[string]*task.Check{"http": tlsOf(address, &task.TLS{CA: ca}), "grpc": callOf(address)} {
			if check.GRPC != nil {
				check.GRPC.TLS = &task.TLS{CA: ca}
			}
			answers := make(chan healthcheck.Answer, 1)
			go func() {
				asker, err := socket.New(check, socket.Place{})
				if err != nil {
					answers <- healthcheck.Answer{Reason: err.Error()}
					return
				}
				answers <- asker.Ask(time.Now().Add(time.Minute))
			}()
			select {
			case a := <-answers:
				if a.Outcome != c.outcome || a.Phase != healthcheck.TLS || !strings.Contains(a.Reason, c.words) {
					t.Errorf("%s with %s: %+v, want %s and the words %q", kind, ca, a, c.outcome, c.words)
				}
			case <-time.After(10 * time.Second):
				t.Errorf("%s with %s is not asked within 10 s", kind, ca)
			}
		}
	}
	text, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	asker, err := socket.New(tlsOf(address, &task.TLS{CA: at("ca")}), socket.Place{})
	if err != nil {
		t.Fatal(err)
	}
	defer asker.Close()
	once := func() healthcheck.Answer { return asker.Ask(time.Now().Add(10 * time.Second)) }
	replace := func(text []byte) {
		t.Helper()
		if err := errors.Join(os.WriteFile(at("next"), text, 0o600), os.Rename(at("next"), at("ca"))); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, once(), judge.Inconclusive, healthcheck.TLS, "no such file")
	replace(text)
	expect(t, once(), judge.OK, healthcheck.Body, "")
	if err := os.Remove(at("ca")); err != nil {
		t.Fatal(err)
	}
	expect(t, once(), judge.OK, healthcheck.Body, "")
	replace(another(t))
	expect(t, once(), judge.Fail, healthcheck.TLS, "not trusted")
	replace(text)
	expect(t, once(), judge.OK, healthcheck.Body, "")
}

// another is the certificate of somebody else.
func another(t *testing.T) []byte {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, of, of, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

package socket_test

import (
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/dewarhq/dewar/healthcheck"
	"github.com/dewarhq/dewar/healthcheck/judge"
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

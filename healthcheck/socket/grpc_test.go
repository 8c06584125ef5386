package socket_test

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/healthcheck/socket"
	"github.com/dewarhq/dewar/task"
)

// health answers calls of grpc.health.v1.Health/Check with a code of gRPC, and a
// message if that is 0.
func health(code int, message string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked, _ := io.ReadAll(r.Body)
		const web = "\x00\x00\x00\x00\x05\x0a\x03web"
		if r.URL.Path != "/grpc.health.v1.Health/Check" || r.Header.Get("Content-Type") != "application/grpc" || r.Header.Get("Grpc-Timeout") == "" || string(asked) != web {
			code = 3
		}
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		if code == 0 {
			_, _ = io.WriteString(w, message)
		}
		w.Header().Set("Grpc-Status", strconv.Itoa(code))
	})
}

func grpcOf(t testing.TB, h http.Handler) *task.Check {
	t.Helper()
	l := listen(t, "tcp4", "127.0.0.1:0")
	server := &http.Server{Handler: h, Protocols: new(http.Protocols)}
	server.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(func() { server.Close() })
	go server.Serve(l) //nolint:errcheck // until it is closed
	return callOf(l.Addr().String())
}

func callOf(address string) *task.Check {
	h := httpOf(address).HTTP
	return &task.Check{GRPC: &task.GRPCCheck{Host: h.Host, Port: h.Port, Service: "web"}}
}

func TestGRPC(t *testing.T) {
	status := func(s byte) string { return "\x00\x00\x00\x00\x02\x08" + string(s) }
	for _, c := range []struct {
		code    int
		message string
		outcome judge.Outcome
		words   string
	}{
		{0, status(1), judge.OK, ""},
		{0, status(0), judge.Fail, "UNKNOWN"},
		{0, status(2), judge.Fail, "NOT_SERVING"},
		{0, status(3), judge.Fail, "SERVICE_UNKNOWN"},
		{0, "\x00\x00\x00\x00\x00", judge.Fail, "UNKNOWN"}, // zero is not written
		{0, status(9), judge.Fail, "HealthCheckResponse"},
		{0, "\x00\x00\x00\x00\x09\x08\x01", judge.Fail, "HealthCheckResponse"},
		{0, "", judge.Fail, "HealthCheckResponse"},
		{1, "", judge.Fail, "CANCELLED"}, {2, "", judge.Fail, "UNKNOWN"}, {3, "", judge.Fail, "INVALID_ARGUMENT"},
		{4, "", judge.Fail, "DEADLINE_EXCEEDED"}, {5, "", judge.Fail, "NOT_FOUND"}, {6, "", judge.Fail, "ALREADY_EXISTS"},
		{7, "", judge.Fail, "PERMISSION_DENIED"}, {8, "", judge.Fail, "RESOURCE_EXHAUSTED"}, {9, "", judge.Fail, "FAILED_PRECONDITION"},
		{10, "", judge.Fail, "ABORTED"}, {11, "", judge.Fail, "OUT_OF_RANGE"},
		{12, "", judge.Inconclusive, "the check is wrong"},
		{13, "", judge.Fail, "INTERNAL"}, {14, "", judge.Fail, "UNAVAILABLE"}, {15, "", judge.Fail, "DATA_LOSS"},
		{16, "", judge.Fail, "UNAUTHENTICATED"}, {17, "", judge.Fail, "17"},
	} {
		t.Run(fmt.Sprintf("%d %q", c.code, c.message), func(t *testing.T) {
			expect(t, ask(t, grpcOf(t, health(c.code, c.message)), 10*time.Second), c.outcome, "", c.words)
		})
	}
	hung := grpcOf(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	expect(t, ask(t, hung, 300*time.Millisecond), judge.Fail, "", "in time")
	mute := callOf(listen(t, "tcp4", "127.0.0.1:0").Addr().String())
	expect(t, ask(t, mute, 300*time.Millisecond), judge.Fail, "", "in time")
}

func TestGRPCOverTLS(t *testing.T) {
	address, ca := secure(t, health(0, "\x00\x00\x00\x00\x02\x08\x01"), true)
	check := callOf(address)
	check.GRPC.TLS = &task.TLS{CA: ca}
	expect(t, ask(t, check, 10*time.Second), judge.OK, "", "")
	check.GRPC.TLS = &task.TLS{CA: ca, ServerName: "wrong.test"}
	expect(t, ask(t, check, 10*time.Second), judge.Fail, "", "not trusted")
}

func TestFile(t *testing.T) {
	sandbox, outside := t.TempDir(), t.TempDir()
	write(t, filepath.Join(sandbox, "beat"), 0)
	write(t, filepath.Join(sandbox, "old"), time.Hour)
	write(t, filepath.Join(outside, "beat"), 0)
	link(t, "beat", filepath.Join(sandbox, "link"))
	link(t, filepath.Join(outside, "beat"), filepath.Join(sandbox, "away"))
	link(t, "../"+filepath.Base(outside)+"/beat", filepath.Join(sandbox, "up"))
	for _, c := range []struct {
		path    string
		outcome judge.Outcome
	}{
		{"beat", judge.OK}, {"link", judge.OK}, {"old", judge.Fail}, {"none", judge.Fail},
		{"away", judge.Fail}, {"up", judge.Fail},
	} {
		check := &task.Check{File: &task.FileCheck{Path: c.path, MaxAge: task.Duration(time.Minute)}}
		a := askIn(t, check, socket.Place{Sandbox: sandbox}, time.Second)
		if a.Outcome != c.outcome {
			t.Errorf("%s: %+v, want %s", c.path, a, c.outcome)
		}
	}
}

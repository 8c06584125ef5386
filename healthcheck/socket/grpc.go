package socket

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/dewarhq/dewar/healthcheck"
	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/task"
)

// grpcAsker calls grpc.health.v1.Health/Check, of the gRPC Health Checking
// Protocol. Its two messages have one field each, and are written here.
type grpcAsker struct {
	*target
	service string
	trust   *trust
}

func newGRPC(c *task.GRPCCheck, p Place) (*grpcAsker, error) {
	t, err := newTarget(c.Host, c.Port, "", p)
	if err != nil {
		return nil, err
	}
	return &grpcAsker{target: t, service: c.Service, trust: trustOf(c.TLS, t.name, "h2")}, nil
}

// Ask makes the call, over HTTP/2 on a connection of its own.
func (a *grpcAsker) Ask(deadline time.Time) healthcheck.Answer {
	config, answer, ok := a.trust.now()
	if !ok {
		return answer
	}
	return a.ask(deadline, func(conn net.Conn) healthcheck.Answer {
		conn, answer, ok := secure(conn, config)
		if !ok {
			return answer
		}
		return a.call(conn, deadline)
	})
}

func (a *grpcAsker) call(conn net.Conn, deadline time.Time) healthcheck.Answer {
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	transport := &http.Transport{Protocols: new(http.Protocols), DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil }}
	transport.Protocols.SetUnencryptedHTTP2(true) // TLS is below the connection already
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+a.hostPort()+"/grpc.health.v1.Health/Check", bytes.NewReader(healthRequest(a.service)))
	if err != nil {
		return failed(healthcheck.Headers, err)
	}
	req.Header = http.Header{
		"Content-Type": {"application/grpc"}, "Te": {"trailers"}, "User-Agent": {"dewar"},
		"Grpc-Timeout": {strconv.FormatInt(max(1, time.Until(deadline).Milliseconds()), 10) + "m"},
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return failed(healthcheck.Headers, err)
	}
	defer resp.Body.Close() //nolint:errcheck // the connection is closed anyway
	if resp.StatusCode != http.StatusOK {
		return healthcheck.Answer{Outcome: judge.Fail, Phase: healthcheck.Headers, Reason: fmt.Sprintf("it answered HTTP %d", resp.StatusCode)}
	}
	message, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return failed(healthcheck.Body, err)
	}
	return verdict(resp, message)
}

// healthRequest is a HealthCheckRequest in a frame: field 1, the service.
func healthRequest(service string) []byte {
	var message []byte
	if service != "" {
		message = append(binary.AppendUvarint([]byte{1<<3 | 2}, uint64(len(service))), service...)
	}
	frame := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))
	return append(frame, message...)
}

// codes are gRPC's, by number.
var codes = []string{
	"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
	"RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
}

const unimplemented = 12

// verdict reads the status, in the trailer or for want of a message in the
// header, and the message. A server that does not know the health service says
// nothing of how it is, and is not killed for a check that is wrong: that is said,
// and counts only when it lasts.
func verdict(resp *http.Response, message []byte) healthcheck.Answer {
	answer := healthcheck.Answer{Outcome: judge.Fail, Phase: healthcheck.Body}
	status := resp.Trailer.Get("Grpc-Status")
	if status == "" {
		status = resp.Header.Get("Grpc-Status")
	}
	code, err := strconv.Atoi(status)
	switch {
	case err != nil || code < 0:
		answer.Reason = "what it answered is no gRPC: it has no status"
	case code == unimplemented:
		answer.Outcome = judge.Inconclusive
		answer.Reason = "the check is wrong: the server has no service grpc.health.v1.Health (UNIMPLEMENTED)"
	case code >= len(codes):
		answer.Reason = fmt.Sprintf("it answered code %d", code)
	case code != 0:
		answer.Reason = healthcheck.Clean(fmt.Sprintf("it answered %s %s", codes[code], resp.Trailer.Get("Grpc-Message")))
	default:
		serving, err := servingStatus(message)
		if err != nil {
			answer.Reason = err.Error()
		} else if answer.Excerpt = serving; serving == "SERVING" {
			answer.Outcome = judge.OK
		} else {
			answer.Reason = "it answered " + serving
		}
	}
	return answer
}

// servingStatus reads a HealthCheckResponse in a frame: field 1, an enumeration.
func servingStatus(frame []byte) (string, error) {
	broken := errors.New("what it answered is no HealthCheckResponse")
	if len(frame) < 5 || frame[0] != 0 || int(binary.BigEndian.Uint32(frame[1:])) != len(frame)-5 {
		return "", broken
	}
	value, message := uint64(0), frame[5:]
	for len(message) > 0 {
		key, n := binary.Uvarint(message)
		if n <= 0 || key&7 != 0 {
			return "", broken
		}
		v, m := binary.Uvarint(message[n:])
		if m <= 0 {
			return "", broken
		}
		if message = message[n+m:]; key>>3 == 1 {
			value = v
		}
	}
	names := []string{"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"}
	if value >= uint64(len(names)) {
		return "", broken
	}
	return names[value], nil
}

package control

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/dewarhq/dewar/task"
)

// ErrNoBrain says that no brain listens at a task's door, or that it has gone
// without a word.
var ErrNoBrain = errors.New("no brain answers for this task")

// Refused is a brain's refusal.
type Refused struct {
	Code   int // of HTTP
	Reason string
}

func (r *Refused) Error() string { return r.Reason }

// A status of 10,000 processes with 20 runs each stays far below.
const maxAnswer = 64 << 20

// Do makes one request of a task's brain: a POST of request as JSON, or a GET
// when request is nil. The answer goes into answer, unless that is nil. The
// error is, or wraps, ErrNoBrain, a *Refused, ctx's, or one of the
// connection's.
//
// A brain that goes without a word may have recorded the request. To make it
// of the next one does no harm, so this is ErrNoBrain, but for a signal, which
// would be sent twice: its error says that nobody knows.
func Do(ctx context.Context, dir task.Dir, path string, request, answer any) error {
	head, body, err := exchange(ctx, dir, path, request)
	if err != nil {
		return err
	}
	code, err := statusCode(head)
	if err != nil {
		return err
	}
	if code != 200 {
		return refusal(code, body)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return fmt.Errorf("read the brain's answer to %s: %w", path, err)
	}
	return nil
}

func exchange(ctx context.Context, dir task.Dir, path string, request any) (head string, body []byte, err error) {
	message, err := render(path, request)
	if err != nil {
		return "", nil, err
	}
	conn, err := dial(ctx, dir)
	if err != nil {
		return "", nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	if _, err := conn.Write(message); err != nil {
		return "", nil, broken(ctx, path, "ask the brain", err)
	}
	all, err := io.ReadAll(io.LimitReader(conn, maxAnswer))
	if err == nil && len(all) == 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && len(all) == 0 {
		return "", nil, broken(ctx, path, "hear the brain's answer", err)
	}
	if err != nil {
		return "", nil, fmt.Errorf("hear the brain's answer to its end: %w", cmp.Or(context.Cause(ctx), err))
	}
	top, body, ok := bytes.Cut(all, []byte("\r\n\r\n"))
	if !ok {
		return "", nil, fmt.Errorf("hear the brain's answer: %w", io.ErrUnexpectedEOF)
	}
	return string(top), body, nil
}

// broken is the error of a connection that ended before any answer.
func broken(ctx context.Context, path, doing string, err error) error {
	gone := errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case gone && path == PathSignal:
		return fmt.Errorf("%s: it has gone, and it is not known whether the signal was sent: %w", doing, err)
	case gone:
		return fmt.Errorf("%w: %s: %w", ErrNoBrain, doing, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func dial(ctx context.Context, dir task.Dir) (net.Conn, error) {
	address, release, err := Address(dir)
	if err != nil {
		return nil, err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", address)
	err = errors.Join(err, release())
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, ErrNoBrain
	case err != nil:
		return nil, fmt.Errorf("connect to the brain: %w", err)
	}
	return conn, nil
}

func render(path string, request any) ([]byte, error) {
	if request == nil {
		return []byte("GET " + path + " HTTP/1.0\r\n\r\n"), nil
	}
	body, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("write a request to %s: %w", path, err)
	}
	return fmt.Appendf(nil, "POST %s HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body), nil
}

// statusCode reads the first line of an answer, such as "HTTP/1.0 200 OK".
func statusCode(head string) (int, error) {
	line, _, _ := strings.Cut(head, "\r\n")
	if fields := strings.Fields(line); len(fields) >= 2 && strings.HasPrefix(fields[0], "HTTP/1.") {
		if code, err := strconv.Atoi(fields[1]); err == nil {
			return code, nil
		}
	}
	return 0, fmt.Errorf("read the brain's answer: %q is not the first line of one", line)
}

func refusal(code int, body []byte) error {
	var said Refusal
	if err := json.Unmarshal(body, &said); err != nil || said.Error == "" {
		said.Error = fmt.Sprintf("the brain answered %d: %.200s", code, body)
	}
	return &Refused{Code: code, Reason: said.Error}
}

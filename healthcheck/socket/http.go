package socket

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dewarhq/dewar/healthcheck"
	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/task"
)

const (
	maxBody   = 10 << 10 // bytes of a body that are looked at
	maxHeader = 16 << 10 // bytes of status lines and headers
	maxLine   = 8 << 10  // of one of them
)

type httpAsker struct {
	*target
	check   *task.HTTPCheck
	trust   *trust
	request []byte
}

func newHTTP(c *task.HTTPCheck, p Place) (*httpAsker, error) {
	t, err := newTarget(c.Host, c.Port, c.Socket, p)
	if err != nil {
		return nil, err
	}
	a := &httpAsker{target: t, check: c, trust: trustOf(c.TLS, t.name, "http/1.1")}
	a.request, err = request(c, t.hostPort())
	return a, err
}

// request is all that is sent. Values with line breaks in them are refused: they
// would be more than one header.
func request(c *task.HTTPCheck, host string) ([]byte, error) {
	method, endpoint := c.Method, c.Endpoint
	if method == "" {
		method = http.MethodGet
	}
	if !strings.HasPrefix(endpoint, "/") {
		endpoint = "/" + endpoint
	}
	headers := map[string]string{"Host": host, "User-Agent": "dewar", "Accept": "*/*", "Connection": "close"}
	for name, value := range c.Headers {
		headers[http.CanonicalHeaderKey(name)] = value
	}
	if method != http.MethodGet && method != http.MethodHead {
		headers["Content-Length"] = "0"
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", method, endpoint)
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		fmt.Fprintf(&b, "%s: %s\r\n", name, headers[name])
	}
	lines := bytes.Count(b.Bytes(), []byte("\n"))
	if b.WriteString("\r\n"); lines != len(headers)+1 || strings.ContainsAny(method+endpoint, " \r\n") {
		return nil, errors.New("method, endpoint or headers of the check have spaces or line breaks where there may be none")
	}
	return b.Bytes(), nil
}

// Ask makes the request.
func (a *httpAsker) Ask(deadline time.Time) healthcheck.Answer {
	config, answer, ok := a.trust.now()
	if !ok {
		return answer
	}
	return a.ask(deadline, func(conn net.Conn) healthcheck.Answer {
		conn, answer, ok := secure(conn, config)
		if !ok {
			return answer
		}
		if _, err := conn.Write(a.request); err != nil {
			return failed(healthcheck.Headers, err)
		}
		return a.hear(conn)
	})
}

// hear reads the answer, and no more of it than the verdict takes.
func (a *httpAsker) hear(conn net.Conn) (answer healthcheck.Answer) {
	limited := &io.LimitedReader{R: conn, N: maxHeader + maxBody + maxLine}
	r := bufio.NewReaderSize(limited, 4<<10)
	code, length, chunked, err := head(r)
	if err != nil {
		return failed(healthcheck.Headers, err)
	}
	defer func() { answer.Code = code }()
	wrong := a.wrongCode(code)
	none := a.check.Method == http.MethodHead || code == http.StatusNoContent || code == http.StatusNotModified
	if none || a.check.Expect == "" && wrong == "" {
		return a.judge(wrong, "")
	}
	body, err := bodyOf(r, length, chunked)
	if err != nil && (wrong == "" || errors.Is(err, errMalformed)) {
		return failed(healthcheck.Body, err)
	}
	return a.judge(wrong, string(body))
}

func (a *httpAsker) wrongCode(code int) string {
	switch want := a.check.Code; {
	case want != 0 && code != want:
		return fmt.Sprintf("it answered %d, expected %d", code, want)
	case want == 0 && code >= 400:
		return fmt.Sprintf("it answered %d", code)
	}
	return ""
}

// judge holds what was answered against what is expected.
func (a *httpAsker) judge(wrong, body string) healthcheck.Answer {
	answer := healthcheck.Answer{Outcome: judge.OK, Phase: healthcheck.Body, Excerpt: healthcheck.Clean(body)}
	switch {
	case wrong != "":
		answer.Outcome, answer.Phase, answer.Reason = judge.Fail, healthcheck.Headers, wrong
	case a.check.Expect != "" && a.check.Method != http.MethodHead && !strings.EqualFold(strings.TrimSpace(body), strings.TrimSpace(a.check.Expect)):
		answer.Outcome = judge.Fail
		answer.Reason = healthcheck.Clean(fmt.Sprintf("it answered %s, expected %s", task.Quote(abridged(body)), task.Quote(abridged(a.check.Expect))))
	}
	return answer
}

// abridged keeps a sentence readable that quotes it.
func abridged(s string) string {
	if s = strings.TrimSpace(s); len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}

var errMalformed = errors.New("what it answered is no HTTP")

// head reads status line and headers of the final response; length is -1 if it
// is not said.
func head(r *bufio.Reader) (code, length int, chunked bool, err error) {
	room := maxHeader
	for {
		line, err := readLine(r, &room)
		if err != nil {
			return 0, 0, false, err
		}
		version, rest, _ := strings.Cut(line, " ")
		digits, _, _ := strings.Cut(rest, " ")
		code, err = strconv.Atoi(digits)
		if err != nil || len(digits) != 3 || !strings.HasPrefix(version, "HTTP/1.") {
			return 0, 0, false, fmt.Errorf("%w: %s", errMalformed, task.Quote(abridged(line)))
		}
		length, chunked = -1, false
		for {
			line, err := readLine(r, &room)
			if err != nil {
				return 0, 0, false, err
			}
			if line == "" {
				break
			}
			name, value, _ := strings.Cut(line, ":")
			value = strings.TrimSpace(value)
			switch strings.ToLower(name) {
			case "content-length":
				if length, err = strconv.Atoi(value); err != nil || length < 0 {
					return 0, 0, false, fmt.Errorf("%w: its length is %s", errMalformed, task.Quote(abridged(value)))
				}
			case "transfer-encoding":
				chunked = strings.EqualFold(value, "chunked")
			}
		}
		if code >= 200 || code == http.StatusSwitchingProtocols {
			return code, length, chunked, nil
		}
	}
}

func readLine(r *bufio.Reader, room *int) (string, error) {
	line, err := r.ReadSlice('\n')
	*room -= len(line)
	switch {
	case errors.Is(err, bufio.ErrBufferFull), *room < 0:
		return "", fmt.Errorf("%w: its headers do not end within %d bytes", errMalformed, maxHeader)
	case errors.Is(err, io.EOF) && len(line) == 0, errors.Is(err, io.EOF):
		return "", errors.New("it closed the connection without an answer")
	case err != nil:
		return "", err
	}
	return string(bytes.TrimRight(line, "\r\n")), nil
}

// bodyOf reads at most maxBody bytes.
func bodyOf(r *bufio.Reader, length int, chunked bool) ([]byte, error) {
	var from io.Reader = r
	switch {
	case chunked:
		from = &chunks{r: r}
	case length >= 0:
		from = io.LimitReader(r, int64(length))
	}
	body, err := io.ReadAll(io.LimitReader(from, maxBody))
	if err == nil && !chunked && length > len(body) && len(body) < maxBody {
		err = io.ErrUnexpectedEOF
	}
	return body, err
}

// chunks reads a chunked body.
type chunks struct {
	r    *bufio.Reader
	left int64
	end  bool
}

func (c *chunks) Read(b []byte) (int, error) {
	if c.end {
		return 0, io.EOF
	}
	if c.left == 0 {
		room := maxLine
		line, err := readLine(c.r, &room)
		if err != nil {
			return 0, err
		}
		size, _, _ := strings.Cut(line, ";")
		if c.left, err = strconv.ParseInt(strings.TrimSpace(size), 16, 32); err != nil || c.left < 0 {
			return 0, fmt.Errorf("%w: a chunk of %s", errMalformed, task.Quote(abridged(line)))
		}
		if c.left == 0 {
			c.end = true
			return 0, io.EOF
		}
	}
	n, err := c.r.Read(b[:min(int64(len(b)), c.left)])
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if c.left -= int64(n); c.left == 0 && err == nil {
		room := maxLine
		_, err = readLine(c.r, &room)
	}
	return n, err
}

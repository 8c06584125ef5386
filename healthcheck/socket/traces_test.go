package socket_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/healthcheck/socket"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/soak"
)

// waiting counts the connections of a port that a side keeps after their end.
func waiting(t *testing.T, address string) int {
	t.Helper()
	_, port, _ := net.SplitHostPort(address)
	number, _ := strconv.Atoi(port)
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	n, ends := 0, fmt.Sprintf(":%04X", number)
	for line := range strings.Lines(string(table)) {
		const timeWait = "06"
		f := strings.Fields(line)
		if len(f) > 3 && f[3] == timeWait && (strings.HasSuffix(f[1], ends) || strings.HasSuffix(f[2], ends)) {
			n++
		}
	}
	return n
}

func descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}

// resets is a listener whose connections note when a reset was seen on them.
type resets struct {
	net.Listener
	accepted, seen *atomic.Int64
}

type reset struct {
	net.Conn
	seen *atomic.Int64
}

func (l resets) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.accepted.Add(1)
	}
	return reset{c, l.seen}, err
}

func (c reset) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.note(err)
	return n, err
}

func (c reset) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.note(err)
	return n, err
}

func (c reset) note(err error) {
	if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		c.seen.Add(1)
	}
}

// many asks at a rate of 2,000/s for seconds, with eight at a time.
func many(t *testing.T, c *task.Check, seconds int, want judge.Outcome) {
	t.Helper()
	const askers, rate = 8, 2000
	var group sync.WaitGroup
	for range askers {
		asker, err := socket.New(c, socket.Place{})
		if err != nil {
			t.Fatal(err)
		}
		group.Go(func() {
			begun := time.Now()
			for i := range seconds * rate / askers {
				time.Sleep(time.Until(begun.Add(time.Duration(i) * askers * time.Second / rate)))
				if a := asker.Ask(time.Now().Add(10 * time.Second)); a.Outcome != want {
					t.Errorf("attempt %d: %+v", i, a)
					return
				}
			}
		})
	}
	group.Wait()
}

// TestNoTraces: 2,000 attempts a second use up neither ports nor descriptors, and
// whoever is asked sees no reset.
func TestNoTraces(t *testing.T) {
	seconds := soak.Promised(t, 2, 60)
	for _, c := range []struct {
		name string
		edit func(*task.Check)
		code int
		want judge.Outcome
	}{
		{"http", func(*task.Check) {}, 200, judge.OK},
		{"http that says no", func(*task.Check) {}, 503, judge.Fail},
		{"http without a look at the body", func(c *task.Check) { c.HTTP.Expect = "" }, 200, judge.OK},
		{"tcp", func(c *task.Check) { c.TCP, c.HTTP = &task.TCPCheck{Host: c.HTTP.Host, Port: c.HTTP.Port}, nil }, 200, judge.OK},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := resets{listen(t, "tcp4", "127.0.0.1:0"), new(atomic.Int64), new(atomic.Int64)}
			server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.code)
				_, _ = io.WriteString(w, "ok")
			})}
			t.Cleanup(func() { server.Close() })
			go server.Serve(l) //nolint:errcheck // until it is closed
			check := httpOf(l.Addr().String())
			c.edit(check)
			many(t, check, 1, c.want) // what the runtime opens once is open now
			before := descriptors(t)
			many(t, check, seconds, c.want)
			if n := waiting(t, l.Addr().String()); n > 100 {
				t.Errorf("%d connections are in TIME_WAIT", n)
			}
			deadline := time.Now().Add(10 * time.Second)
			for descriptors(t) > before+8 && time.Now().Before(deadline) {
				time.Sleep(10 * time.Millisecond) // the server closes its own
			}
			if n := descriptors(t); n > before+8 {
				t.Errorf("%d descriptors are open, there were %d", n, before)
			}
			accepted, seen := l.accepted.Load(), l.seen.Load()
			if check.TCP == nil && seen > 0 {
				t.Errorf("the server saw %d resets", seen)
			}
			// Within 40 ms the handshake can be taken back; a busy machine may take longer.
			if all := int64((seconds + 1) * 2000); check.TCP != nil && accepted > all/10 {
				t.Errorf("of %d connections on which nothing was said %d were accepted", all, accepted)
			}
		})
	}
	soak.Note(t, "a second of 2,000 checks, of each of four kinds", seconds, "at most 100 connections in TIME_WAIT, no descriptor more, no reset seen")
}

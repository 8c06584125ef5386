package socket_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dewarhq/dewar/healthcheck"
	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/healthcheck/socket"
	"github.com/dewarhq/dewar/task"
)

// slack is how much later than its deadline an Ask may come back on a machine
// that is busy.
const slack = time.Second

// ask asks once, of the machine's own network.
func ask(t testing.TB, c *task.Check, within time.Duration) healthcheck.Answer {
	t.Helper()
	return askIn(t, c, socket.Place{Sandbox: t.TempDir()}, within)
}

func askIn(t testing.TB, c *task.Check, p socket.Place, within time.Duration) healthcheck.Answer {
	t.Helper()
	asker, err := socket.New(c, p)
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	answer := asker.Ask(begun.Add(within))
	if took := time.Since(begun); took > within+slack {
		t.Errorf("Ask came back after %v, its deadline was %v", took, within)
	}
	if err := asker.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if (answer.Reason == "") != (answer.Outcome == judge.OK) {
		t.Errorf("the outcome is %s with the reason %q", answer.Outcome, answer.Reason)
	}
	return answer
}

// expect holds an answer to an outcome, a phase (if one is given), and words of
// its reason.
func expect(t testing.TB, a healthcheck.Answer, outcome judge.Outcome, phase healthcheck.Phase, words string) {
	t.Helper()
	if a.Outcome != outcome || phase != "" && a.Phase != phase || !strings.Contains(a.Reason, words) {
		t.Errorf("the answer is %+v, want %s in phase %q and the words %q", a, outcome, phase, words)
	}
}

// httpOf is Aurora's check of an address.
func httpOf(address string) *task.Check {
	host, port, _ := net.SplitHostPort(address)
	c := task.DefaultCheck()
	h := task.DefaultHTTP()
	h.Host, h.Port = host, task.Port(port)
	c.HTTP = &h
	return &c
}

// tcpOf is a check that connects to an address.
func tcpOf(address string) *task.Check {
	host, port, _ := net.SplitHostPort(address)
	c := task.DefaultCheck()
	c.TCP = &task.TCPCheck{Host: host, Port: task.Port(port)}
	return &c
}

func listen(t testing.TB, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// serve lets one handle each connection to a port of 127.0.0.1, after the request's
// header was read.
func serve(t testing.TB, handle func(net.Conn)) (address string) {
	t.Helper()
	l := listen(t, "tcp4", "127.0.0.1:0")
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				for line, err := r.ReadString('\n'); line != "\r\n"; line, err = r.ReadString('\n') {
					if err != nil {
						return
					}
				}
				handle(c)
			}()
		}
	}()
	return l.Addr().String()
}

// says is a server of one answer, byte for byte.
func says(t testing.TB, answer string) (address string) {
	return serve(t, func(c net.Conn) { _, _ = io.WriteString(c, answer) }) // who asks may have gone
}

func TestHTTPAnswers(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for _, c := range []struct {
		name, answer string
		edit         func(*task.HTTPCheck)
		outcome      judge.Outcome
		words        string
	}{
		{"a length", ok + "Content-Length: 2\r\n\r\nok", nil, judge.OK, ""},
		{"to the end", ok + "\r\nok", nil, judge.OK, ""},
		{"HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\nOK", nil, judge.OK, ""},
		{"no reason phrase", "HTTP/1.1 200\r\n\r\nok", nil, judge.OK, ""},
		{"bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok", nil, judge.OK, ""},
		{"space and case", ok + "\r\n  oK \n", nil, judge.OK, ""},
		{"chunks", ok + "Transfer-Encoding: chunked\r\n\r\n1;x=y\r\no\r\n1\r\nk\r\n0\r\nA: b\r\n\r\n", nil, judge.OK, ""},
		{"early hints", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + ok + "\r\nok", nil, judge.OK, ""},
		{"another body", ok + "\r\nnot today", nil, judge.Fail, "not today"},
		{"half a body", ok + "Content-Length: 4\r\n\r\nok", nil, judge.Fail, ""},
		{"half a chunk", ok + "Transfer-Encoding: chunked\r\n\r\n8\r\nok", nil, judge.Fail, ""},
		{"a bad chunk", ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n0\r\n\r\n", nil, judge.Fail, ""},
		{"500 that says ok", "HTTP/1.1 500 Oops\r\n\r\nok", nil, judge.Fail, "500"},
		{"500, any body", "HTTP/1.1 500 Oops\r\n\r\n", func(h *task.HTTPCheck) { h.Expect = "" }, judge.Fail, "500"},
		{"399 is below 400", "HTTP/1.1 399 Hm\r\n\r\nok", nil, judge.OK, ""},
		{"400 is not", "HTTP/1.1 400 Hm\r\n\r\nok", nil, judge.Fail, "400"},
		{"the code", "HTTP/1.1 503 Busy\r\n\r\nok", func(h *task.HTTPCheck) { h.Code = 503 }, judge.OK, ""},
		{"not the code", ok + "\r\nok", func(h *task.HTTPCheck) { h.Code = 204 }, judge.Fail, "204"},
		{"204 has no body", "HTTP/1.1 204 No Content\r\n\r\n", func(h *task.HTTPCheck) { h.Expect = "" }, judge.OK, ""},
		{"HEAD has no body", ok + "Content-Length: 5\r\n\r\n", func(h *task.HTTPCheck) { h.Expect, h.Method = "", "HEAD" }, judge.OK, ""},
		{"nothing", "", nil, judge.Fail, ""},
		{"no HTTP", "SSH-2.0-OpenSSH_9.2\r\n", nil, judge.Fail, ""},
		{"a bad code", "HTTP/1.1 2x0 OK\r\n\r\nok", nil, judge.Fail, ""},
		{"a negative length", ok + "Content-Length: -1\r\n\r\nok", nil, judge.Fail, ""},
		{"a header without end", ok + "X: " + strings.Repeat("x", 1<<20), nil, judge.Fail, ""},
		{"headers without end", ok + strings.Repeat("X: y\r\n", 1<<17), nil, judge.Fail, ""},
		{"hints without end", strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 1<<16), nil, judge.Fail, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			check := httpOf(says(t, c.answer))
			if c.edit != nil {
				c.edit(check.HTTP)
			}
			expect(t, ask(t, check, 5*time.Second), c.outcome, "", c.words)
		})
	}
}

// TestRequest shows to a server of another make what is asked.
func TestRequest(t *testing.T) {
	requests := make(chan *http.Request, 1)
	l := listen(t, "tcp4", "127.0.0.1:0")
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests <- r
		_, _ = io.WriteString(w, "ok")
	})}
	t.Cleanup(func() { server.Close() })
	go server.Serve(l) //nolint:errcheck // until it is closed
	check := httpOf(l.Addr().String())
	check.HTTP.Method, check.HTTP.Endpoint = "POST", "/well?deep=1"
	check.HTTP.Headers = map[string]string{"Host": "example.org", "X-Token": "s e", "User-Agent": "ua"}
	expect(t, ask(t, check, 5*time.Second), judge.OK, "", "")
	r := <-requests
	got := fmt.Sprint(r.Method, r.URL, r.Host, r.Header.Get("X-Token"), r.UserAgent(), r.ContentLength, r.Close)
	if want := fmt.Sprint("POST", "/well?deep=1", "example.org", "s e", "ua", 0, true); got != want {
		t.Errorf("the server saw %s, want %s", got, want)
	}
}

// drip sends one byte after the other, each long before a timeout for one
// operation would end, until nobody takes them.
func drip(c net.Conn, text string) {
	for i := 0; ; i++ {
		if _, err := c.Write([]byte{text[i%len(text)]}); err != nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestSlowLoris: one deadline for all, however often a byte comes.
func TestSlowLoris(t *testing.T) {
	headers := serve(t, func(c net.Conn) { drip(c, "HTTP/1.1 200 OK\r\n"+strings.Repeat("X: y\r\n", 500)) })
	expect(t, ask(t, httpOf(headers), 300*time.Millisecond), judge.Fail, healthcheck.Headers, "in time")
	body := serve(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
		drip(c, "o")
	})
	expect(t, ask(t, httpOf(body), 300*time.Millisecond), judge.Fail, healthcheck.Body, "in time")
	silent := serve(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	expect(t, ask(t, httpOf(silent), 300*time.Millisecond), judge.Fail, healthcheck.Headers, "in time")
}

// TestEndlessBody: what is answered is read to a bound, long before the deadline.
func TestEndlessBody(t *testing.T) {
	var sent atomic.Int64
	address := serve(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
		block := []byte(strings.Repeat("ok", 8<<10))
		for {
			n, err := c.Write(block)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	begun := time.Now()
	expect(t, ask(t, httpOf(address), 30*time.Second), judge.Fail, healthcheck.Body, "")
	any := httpOf(address)
	any.HTTP.Expect = ""
	expect(t, ask(t, any, 30*time.Second), judge.OK, "", "")
	if took := time.Since(begun); took > 15*time.Second {
		t.Errorf("two endless bodies took %v", took)
	}
	if n := sent.Load(); n > 64<<20 { // what fits into the kernel's buffers, and no end of it
		t.Errorf("%d bytes were taken", n)
	}
}

// TestRedirect: nobody is asked whom a target names.
func TestRedirect(t *testing.T) {
	other := listen(t, "tcp4", "127.0.0.1:0")
	address := says(t, "HTTP/1.1 302 Found\r\nLocation: http://"+other.Addr().String()+"/health\r\nContent-Length: 0\r\n\r\n")
	check := httpOf(address)
	expect(t, ask(t, check, 5*time.Second), judge.Fail, "", "")
	check.HTTP.Expect = ""
	expect(t, ask(t, check, 5*time.Second), judge.OK, "", "")
	check.HTTP.Code = 200
	expect(t, ask(t, check, 5*time.Second), judge.Fail, "", "302")
	if err := other.(*net.TCPListener).SetDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if c, err := other.Accept(); err == nil {
		t.Errorf("%s was contacted from %s", other.Addr(), c.RemoteAddr())
	}
}

// TestFamilies: localhost is both, and a literal address is itself.
func TestFamilies(t *testing.T) {
	if _, err := os.Stat("/proc/net/if_inet6"); err != nil {
		t.Skip("this needs IPv6")
	}
	four, six := listen(t, "tcp4", "127.0.0.1:0"), listen(t, "tcp6", "[::1]:0")
	for _, l := range []net.Listener{four, six} {
		go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })) //nolint:errcheck // until it is closed
	}
	port := func(l net.Listener) string { return strconv.Itoa(l.Addr().(*net.TCPAddr).Port) }
	for _, c := range []struct {
		host, port string
		want       judge.Outcome
	}{
		{"localhost", port(four), judge.OK}, {"localhost", port(six), judge.OK}, {"", port(six), judge.OK},
		{"127.0.0.1", port(four), judge.OK}, {"127.0.0.1", port(six), judge.Fail},
		{"::1", port(four), judge.Fail}, {"::1", port(six), judge.OK},
		{"localhost", "1", judge.Fail},
	} {
		for kind, check := range map[string]*task.Check{
			"http": httpOf(net.JoinHostPort(c.host, c.port)), "tcp": tcpOf(net.JoinHostPort(c.host, c.port)),
		} {
			if a := ask(t, check, 5*time.Second); a.Outcome != c.want {
				t.Errorf("%s of %q port %s: %+v, want %s", kind, c.host, c.port, a, c.want)
			}
		}
	}
}

// TestOtherFamily: one of localhost's addresses that accepts and says nothing, or
// says no, does not keep the other from being asked.
func TestOtherFamily(t *testing.T) {
	hung := listen(t, "tcp4", "127.0.0.1:0") // its backlog takes whom nobody serves
	well, err := net.Listen("tcp6", fmt.Sprintf("[::1]:%d", hung.Addr().(*net.TCPAddr).Port))
	if err != nil {
		t.Skipf("this needs ::1: %v", err)
	}
	t.Cleanup(func() { well.Close() })
	go http.Serve(well, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })) //nolint:errcheck // until it is closed
	begun := time.Now()
	expect(t, ask(t, httpOf("localhost:"+strconv.Itoa(hung.Addr().(*net.TCPAddr).Port)), 4*time.Second), judge.OK, "", "")
	if took := time.Since(begun); took > 3500*time.Millisecond {
		t.Errorf("the answer of ::1 was waited for for %v", took)
	}
}

// TestTCP talks, and does not.
func TestTCP(t *testing.T) {
	l := listen(t, "tcp4", "127.0.0.1:0")
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			line, _ := bufio.NewReader(c).ReadString('\n')
			_, _ = io.WriteString(c, "+PONG "+line)
			_, _ = io.Copy(io.Discard, c) // it does not close first
			c.Close()
		}
	}()
	check := tcpOf(l.Addr().String())
	expect(t, ask(t, check, 5*time.Second), judge.OK, healthcheck.Connect, "")
	check.TCP.Send, check.TCP.Expect = "PING\n", "+PONG"
	expect(t, ask(t, check, 5*time.Second), judge.OK, healthcheck.Body, "")
	check.TCP.Expect = "-ERR"
	a := ask(t, check, 5*time.Second)
	expect(t, a, judge.Fail, healthcheck.Body, "")
	if !strings.Contains(a.Excerpt, "+PO") {
		t.Errorf("the excerpt is %q", a.Excerpt)
	}
	check.TCP.Expect = "+PONG PING\nand more"
	expect(t, ask(t, check, 300*time.Millisecond), judge.Fail, healthcheck.Body, "")
	l.Close()
	expect(t, ask(t, check, 5*time.Second), judge.Fail, healthcheck.Connect, "")
}

// TestClose ends an Ask that runs, whatever it waits for.
func TestClose(t *testing.T) {
	asked := make(chan struct{})
	address := serve(t, func(c net.Conn) {
		close(asked)
		_, _ = io.Copy(io.Discard, c)
	})
	asker, err := socket.New(httpOf(address), socket.Place{})
	if err != nil {
		t.Fatal(err)
	}
	answers := make(chan healthcheck.Answer, 1)
	go func() { answers <- asker.Ask(time.Now().Add(time.Minute)) }()
	<-asked
	if err := asker.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-answers:
	case <-time.After(10 * time.Second):
		t.Fatal("Ask goes on after Close")
	}
	if a := asker.Ask(time.Now().Add(time.Second)); a.Outcome == judge.OK || a.Outcome == judge.Fail {
		t.Errorf("after Close an answer is %+v", a)
	}
}

// TestWrong: what can never be asked is said before it is asked.
func TestWrong(t *testing.T) {
	for name, check := range map[string]*task.Check{
		"a port that is not bound": httpOf("localhost:nowhere"),
	} {
		if asker, err := socket.New(check, socket.Place{}); err == nil {
			t.Errorf("%s: there is an asker %v", name, asker)
		}
	}
}

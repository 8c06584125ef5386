package shim_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dewarhq/dewar/supervisor/shim"
	"github.com/dewarhq/dewar/supervisor/shim/client"
	"github.com/dewarhq/dewar/task"
	"github.com/dewarhq/dewar/test/needs"
)

func itoa(n int) string { return strconv.Itoa(n) }

// wire is a connection without manners.
type wire struct {
	net.Conn
	buf []byte
}

func (r *rig) raw() *wire {
	r.t.Helper()
	d, err := os.Open(string(r.dir))
	if err != nil {
		r.t.Fatal(err)
	}
	defer d.Close()
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: "/proc/self/fd/" + itoa(int(d.Fd())) + "/shim.sock", Net: "unix"})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return &wire{Conn: c}
}

// readFrames reads frames until the shim hangs up, or n have come.
func readFrames(t *testing.T, c *wire, n int) [][]string {
	t.Helper()
	var all [][]string
	for len(all) < n {
		for len(all) < n {
			body, size, err := shim.CutFrame(c.buf)
			if err != nil {
				t.Fatal(err)
			}
			if size == 0 {
				break
			}
			all = append(all, strings.Split(strings.TrimSuffix(string(body), "\x00"), "\x00"))
			c.buf = c.buf[size:]
		}
		if len(all) == n {
			break
		}
		chunk := make([]byte, 4096)
		k, err := c.Read(chunk)
		if err != nil {
			break
		}
		c.buf = append(c.buf, chunk[:k]...)
	}
	return all
}

// TestGreeting is complete, and a new connection ends the old one.
func TestGreeting(t *testing.T) {
	r := start(t)
	if r.hello.Version != shim.Version || r.hello.ShimPid != r.cmd.Process.Pid || r.hello.BrainPid == 0 {
		t.Errorf("greeting %+v", r.hello)
	}
	live := r.spawn("live", "sleep 1000")
	r.hear(shim.BellStarted, live)
	dead := r.spawn("dead", "exit 1")
	r.ended(dead)
	conn, hello, err := client.Dial(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	got := map[task.RunID]client.Run{}
	for _, x := range hello.Runs {
		got[x.RunID] = x
	}
	if len(got) != 2 || got[live].State != shim.Running || got[live].Pid != r.status(live).Pid || got[dead].State != shim.Ended || got[dead].Pid != 0 {
		t.Errorf("runs %+v", hello.Runs)
	}
	for range r.conn.Bells() {
	}
	if err := r.conn.Spawn(live); !errors.Is(err, client.ErrGone) {
		t.Errorf("the old connection says %v", err)
	}
	if err := conn.Spawn(live); err != nil {
		t.Errorf("a second spawn: %v", err)
	}
}

// TestStranger: a connection of another uid is ended without a word.
func TestStranger(t *testing.T) {
	needs.Root(t)
	const uid = 54778
	dir := newDir(t)
	if err := os.Chown(string(dir), uid, uid); err != nil {
		t.Fatal(err)
	}
	r := launch(t, dir, withBinary(t), as(uid))
	r.user = uid
	r.asUser(uid, r.connect)
	if f := readFrames(t, r.raw(), 1); len(f) != 0 {
		t.Errorf("root was told %q", f)
	}
	if _, err := r.conn.List(); err != nil {
		t.Errorf("the brain's connection: %v", err)
	}
}

// TestSpawnTwice starts once.
func TestSpawnTwice(t *testing.T) {
	r := start(t)
	id := r.spawn("p", "echo once")
	if err := r.conn.Spawn(id); err != nil {
		t.Error(err)
	}
	r.ended(id)
	for range 2 {
		if err := r.conn.Seen(id); err != nil {
			t.Error(err)
		}
		// Not known any more, but its status is there.
		if err := r.conn.Spawn(id); err != nil {
			t.Error(err)
		}
	}
	if s := r.ended(r.spawn("q", "true")); s.Exit != 0 {
		t.Error(s)
	}
	if got := r.log(id, "stdout"); got != "once\n" {
		t.Errorf("%q", got)
	}
}

// TestRefusals each have a sentence and end nothing.
func TestRefusals(t *testing.T) {
	r := start(t)
	c := r.raw()
	greeting := readFrames(t, c, 3)
	if len(greeting) != 3 || greeting[2][0] != shim.SayListed {
		t.Fatalf("greeting %q", greeting)
	}
	long := strings.Repeat("x", 1000)
	requests := [][]string{
		{"what"}, {"spawn"}, {"spawn", ""}, {"spawn", "../etc"}, {"spawn", "runs/../../etc/0"}, {"spawn", "/etc"}, {"spawn", "runs/" + long},
		{"spawn", "runs/none/0"}, {"signal"}, {"signal", "runs/p/0", "9", "group"}, {"kill"}, {"kill", "runs/none/0"}, {"seen"}, {""},
	}
	var all []byte
	for _, q := range requests {
		all = shim.AppendFrame(all, q...)
	}
	if _, err := c.Write(all); err != nil {
		t.Fatal(err)
	}
	for i, f := range readFrames(t, c, len(requests)) {
		if len(f) != 2 || f[0] != shim.SayNo || len(f[1]) < 10 {
			t.Errorf("%q: %q", requests[i], f)
		}
	}
}

// TestSpawnWhileClearing is refused.
func TestSpawnWhileClearing(t *testing.T) {
	r := start(t)
	id := r.spawn("p", "sleep 1000")
	r.hear(shim.BellStarted, id)
	late := run("late", 0)
	if err := client.WriteSpec(r.dir, late, r.spec(late, "true")); err != nil {
		t.Fatal(err)
	}
	c := r.raw()
	readFrames(t, c, 4)
	if _, err := c.Write(shim.AppendFrame(shim.AppendFrame(nil, "clear"), "spawn", late.Dir())); err != nil {
		t.Fatal(err)
	}
	f := readFrames(t, c, 4)
	if f[0][0] != shim.SayOK || f[1][0] != shim.SayNo || f[2][1] != shim.BellEnded || f[3][1] != shim.BellCleared {
		t.Errorf("%q", f)
	}
}

// TestGarbage on the wire ends the connection and nothing else.
func TestGarbage(t *testing.T) {
	r := start(t)
	id := r.spawn("p", "sleep 1000")
	r.hear(shim.BellStarted, id)
	for name, b := range map[string][]byte{
		"random":    []byte("GET / HTTP/1.1\r\n\r\n"),
		"zero":      {0, 0, 0, 0},
		"oversized": {0, 0, 0x10, 1},
		"huge":      {0xff, 0xff, 0xff, 0xff},
		"not ended": {0, 0, 0, 2, 'a', 'b'},
	} {
		c := r.raw()
		readFrames(t, c, 4)
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
		f := readFrames(t, c, 1<<20)
		if len(f) != 1 || f[0][0] != shim.SayNo {
			t.Errorf("%s: %q", name, f)
		}
	}
	// Half a frame, and then another brain.
	c := r.raw()
	if _, err := c.Write([]byte{0, 0, 0, 9, 's', 'p'}); err != nil {
		t.Fatal(err)
	}
	// One byte at a time.
	c = r.raw()
	readFrames(t, c, 4)
	for _, b := range shim.AppendFrame(nil, "signal", id.Dir(), "10", "main") {
		if _, err := c.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	if f := readFrames(t, c, 1); f[0][0] != shim.SayOK {
		t.Errorf("%q", f)
	}
	if s := r.status(id); s.State != shim.Running && s.Signal != 10 {
		t.Errorf("%+v", s)
	}
}

// TestBrainThatDoesNotRead loses bells, never answers, and is told so.
func TestBrainThatDoesNotRead(t *testing.T) {
	r := start(t)
	for i := range 30 {
		r.ended(r.spawn("p"+itoa(i), "true"))
	}
	c := r.raw()
	// Each list is about 1 KB; none is read.
	const lists = 3000
	sent := make(chan error, 1)
	go func() { // ends when all is written, at the latest when c is closed
		_, err := c.Write(bytes.Repeat(shim.AppendFrame(nil, "list"), lists))
		sent <- err
	}()
	until(t, "the shim has stopped listening to it", func() bool {
		own, _ := memoryOf(r.cmd.Process.Pid)
		return own > 0
	})
	frames := readFrames(t, c, (lists+1)*33)
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if len(frames) != (lists+1)*33 {
		t.Fatalf("%d frames", len(frames))
	}
	for i, f := range frames {
		if (i%33 == 0) != (f[0] == shim.SayHello) || (i%33 == 32) != (f[0] == shim.SayListed) {
			t.Fatalf("frame %d is %q", i, f)
		}
	}
}

// TestLostBells: more ends than a brain that does not listen can be told of.
func TestLostBells(t *testing.T) {
	r := start(t, withBinary(t))
	c := r.raw()
	readFrames(t, c, 3)
	name := strings.Repeat("n", 190)
	const n = 1200
	var requests []byte
	for i := range n {
		id := run(name, i)
		if err := client.WriteSpec(r.dir, id, r.spec(id, "exit 3")); err != nil {
			t.Fatal(err)
		}
		requests = shim.AppendFrame(requests, "spawn", id.Dir())
	}
	go c.Write(requests) // ends when the shim has taken it all, or c is closed
	for i := range n {
		until(t, "it has ended", func() bool {
			s, err := client.ReadStatus(r.dir, run(name, i))
			return err == nil && s.State == shim.Ended
		})
	}
	lost := false
	answers, bells := 0, 0
	for answers < n || !lost {
		frames := readFrames(t, c, 1)
		if len(frames) == 0 {
			t.Fatalf("no more after %d answers and %d bells, and bells were lost", answers, bells)
		}
		for _, f := range frames {
			switch {
			case f[0] == shim.SayOK:
				answers++
			case f[0] == shim.SayBell && f[1] == shim.BellList:
				lost = true
			case f[0] == shim.SayBell:
				bells++
			default:
				t.Fatalf("%q", f)
			}
		}
	}
	t.Logf("%d bells heard, some lost: %v", bells, lost)
}

// say is what a program does that wants to be heard on $NOTIFY_SOCKET.
func say(words []string) {
	c, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET"))
	if err == nil {
		_, err = io.WriteString(c, strings.Join(words, "\n"))
	}
	if err != nil {
		os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
}

// TestNotify: READY=1 on the run's own socket.
func TestNotify(t *testing.T) {
	r := start(t)
	r.link("say")
	notify := func(s *shim.Spec) { s.Notify = true; s.Env = append(s.Env, "NOTIFY_SOCKET=/the/wrong/one") }
	id := r.spawn("late", "./say STATUS=x READY=1 Y=z; sleep 1000", notify)
	r.hear(shim.BellReady, id)
	if s := r.status(id); !s.Ready || s.State != shim.Running {
		t.Errorf("%+v", s)
	}
	// The last words of one that ends at once.
	if s := r.ended(r.spawn("brief", "./say READY=1", notify)); !s.Ready || s.Exit != 0 {
		t.Errorf("%+v", s)
	}
	if s := r.ended(r.spawn("not", "./say READY=0 XREADY=1 READY=11", notify)); s.Ready || s.Exit != 0 {
		t.Errorf("%+v", s)
	}
	id = r.spawn("where", "echo $NOTIFY_SOCKET; ls -l $NOTIFY_SOCKET | cut -c1-10", notify)
	r.ended(id)
	out := strings.Fields(r.log(id, "stdout"))
	if len(out) != 2 || len(out[0]) > 60 || out[1] != "srw-------" {
		t.Fatalf("%q", out)
	}
	if exists(out[0]) {
		t.Error("the socket is still there")
	}
}

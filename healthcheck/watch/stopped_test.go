package watch

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dewarhq/dewar/healthcheck"
	"github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/test/soak"
	"go.uber.org/goleak"
)

// asWatcher makes the test binary watch what listens at the address that it
// holds, and print each answer, until its standard input ends.
const asWatcher = "DEWAR_TEST_WATCHER"

func TestMain(m *testing.M) {
	if address := os.Getenv(asWatcher); address != "" {
		os.Exit(beWatcher(address))
	}
	code := m.Run()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

const watched = 100 // questions of a watcher

func beWatcher(address string) int {
	w := New("t")
	for i := range watched {
		w.Add(question(fmt.Sprint(i), time.Second, time.Second, echo(address)))
	}
	ended := make(chan struct{})
	go func() { io.Copy(io.Discard, os.Stdin); close(ended) }()
	out := json.NewEncoder(os.Stdout)
	for {
		select {
		case <-w.Bell():
			told, _ := w.Take()
			for _, one := range told {
				if err := out.Encode(one); err != nil {
					return 1
				}
			}
		case <-ended:
			w.Stop()
			return 0
		}
	}
}

// echo asks whether a line comes back from an address.
type echo string

func (e echo) Ask(deadline time.Time) healthcheck.Answer {
	fail := func(err error) healthcheck.Answer {
		return healthcheck.Answer{Outcome: judge.Fail, Reason: err.Error()}
	}
	conn, err := (&net.Dialer{Deadline: deadline}).Dial("unix", string(e))
	if err != nil {
		return fail(err)
	}
	defer conn.Close()
	conn.SetDeadline(deadline)
	if _, err := io.WriteString(conn, "well?\n"); err != nil {
		return fail(err)
	}
	if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
		return fail(err)
	}
	return healthcheck.Answer{Outcome: judge.OK}
}

func (echo) Close() error { return nil }

// slowly answers each line a fifth of a second later.
func slowly(t *testing.T, listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			line, err := bufio.NewReader(conn).ReadString('\n')
			if err != nil {
				return
			}
			time.Sleep(200 * time.Millisecond)
			io.WriteString(conn, line) // who asked may have given up
		}()
	}
}

// Whoever watches is stopped by a signal, among others in the middle of
// attempts: nothing that is well fails for it, and it goes on as if nothing had
// been.
func TestStopped(t *testing.T) {
	stops := []time.Duration{1500 * time.Millisecond, 3 * time.Second}
	if n := soak.Promised(t, 0, 1); n > 0 {
		stops = append(stops, time.Minute)
	}
	address := t.TempDir() + "/s"
	listener, err := net.Listen("unix", address)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go slowly(t, listener)

	watcher := exec.Command(os.Args[0])
	watcher.Env = append(os.Environ(), asWatcher+"="+address)
	watcher.Stderr = os.Stderr
	in, err := watcher.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := watcher.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := watcher.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { watcher.Process.Kill(); watcher.Wait() }()

	answers := json.NewDecoder(out)
	counts := make(map[judge.Outcome]int)
	missed := 0
	read := func(n int) {
		for range n {
			var one Told
			if err := answers.Decode(&one); err != nil {
				t.Fatal(err)
			}
			counts[one.Answer.Outcome]++
			missed += one.Missed
			if one.Answer.Outcome == judge.Fail {
				t.Errorf("%s failed: %s", one.Check, one.Answer.Reason)
			}
			if one.Answer.Outcome == judge.Inconclusive && !strings.Contains(one.Answer.Reason, "whoever asks was itself") {
				t.Errorf("%s: %s", one.Check, one.Answer.Reason)
			}
		}
	}
	read(watched)
	for _, span := range stops {
		if err := watcher.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		time.Sleep(span) // this is what is tested
		if err := watcher.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		read(2 * watched)
	}
	if counts[judge.Inconclusive] == 0 || counts[judge.OK] == 0 || missed == 0 {
		t.Errorf("%v, %d left out: it was not stopped while it asked", counts, missed)
	}
	soak.Note(t, "SIGSTOP to whoever asks, for up to a minute", len(stops), "no failure counted")
	in.Close()
}

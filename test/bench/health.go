package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	answer "github.com/dewarhq/dewar/healthcheck/judge"
	"github.com/dewarhq/dewar/healthcheck/socket"
	"github.com/dewarhq/dewar/healthcheck/watch"
	"github.com/dewarhq/dewar/task"
)

// The work and its rows.
const (
	thousandChecks = "1,000 HTTP checks at 1 Hz"
	ofACore        = "dewar, of a core"
	bareCalls      = "bare system calls"
)

// asked is what asking has cost.
type asked struct {
	Core   float64 // % of one
	Memory float64 // MB more than before the first question
	Late   float64 // p99 of how late attempts began, ms
	Files  int     // descriptors at the end, more than before
	Wrong  int     // answers that were not ok
}

// measureChecks asks a server in a process of its own, a new connection each
// time: once as a brain does, and once with nothing but the system calls.
func measureChecks(b *bench) (rows []Row, err error) {
	server := exec.Command(b.self, "wells", "127.0.0.1:0")
	server.Env = append(os.Environ(), b.mark)
	held, err := server.StdinPipe()
	if err != nil {
		return nil, err
	}
	said, err := server.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := server.Start(); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, held.Close(), server.Wait()) }()
	address, err := bufio.NewReader(said).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("start the server that is asked: %w", err)
	}
	address = strings.TrimSpace(address)
	rows = append(newRows("%", ours, ofACore, bareCalls),
		Row{By: "dewar, memory", Unit: "MB"}, Row{By: lateness, Unit: "ms"},
		Row{By: "connections in TIME_WAIT", Unit: ""}, Row{By: "dewar, descriptors", Unit: ""})
	for range min(b.times, 3) {
		us, err := b.askers("watch", address)
		if err != nil {
			return nil, err
		}
		waiting, err := timeWaits(address)
		if err != nil {
			return nil, err
		}
		bare, err := b.askers("bare", address)
		if err != nil {
			return nil, err
		}
		for i, v := range []float64{us.Core, us.Core, bare.Core, us.Memory, us.Late, float64(waiting), float64(us.Files)} {
			rows[i].Values = append(rows[i].Values, v)
		}
	}
	return rows, nil
}

// askers is what it costs to ask for some time, in a process of its own.
func (b *bench) askers(how, address string) (asked, error) {
	seconds := "20"
	if b.quick {
		seconds = "2"
	}
	cmd := exec.Command(b.self, "asks", how, address, seconds)
	cmd.Env = append(os.Environ(), b.mark)
	out, err := cmd.Output()
	if err != nil {
		return asked{}, fmt.Errorf("ask by %s: %w", how, err)
	}
	var a asked
	if err := json.Unmarshal(out, &a); err != nil {
		return asked{}, err
	}
	if a.Wrong > 0 {
		return asked{}, fmt.Errorf("ask by %s: %d answers were not ok", how, a.Wrong)
	}
	return a, nil
}

// timeWaits counts the connections to or from an address that a side keeps for a
// minute after their end.
func timeWaits(address string) (int, error) {
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		return 0, err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return 0, err
	}
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return 0, err
	}
	n, ends := 0, fmt.Sprintf(":%04X", port)
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		const timeWait = "06"
		if len(f) > 3 && f[3] == timeWait && (strings.HasSuffix(f[1], ends) || strings.HasSuffix(f[2], ends)) {
			n++
		}
	}
	return n, nil
}

// wells is the server, which says ok until its standard input ends.
func wells(args []string) error {
	l, err := net.Listen("tcp4", args[0])
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		server.Close()
	}()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// asks asks a thousand times a second in one thread, as a brain has it, and
// prints what that has cost.
func asks(args []string) error {
	runtime.GOMAXPROCS(1)
	if len(args) != 3 {
		return errors.New("asks HOW ADDRESS SECONDS")
	}
	seconds, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	how := map[string]func(string, int) (asked, error){"watch": askByWatch, "bare": askBare}[args[0]]
	if how == nil {
		return fmt.Errorf("nobody asks by %q", args[0])
	}
	a, err := how(args[1], seconds)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(a)
}

const aSecond = 1000 // questions

func askByWatch(address string, seconds int) (asked, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return asked{}, err
	}
	before, err := weigh(os.Getpid())
	if err != nil {
		return asked{}, err
	}
	files := count("/proc/self/fd")
	w := watch.New("bench")
	defer w.Stop()
	c, h := task.DefaultCheck(), task.DefaultHTTP()
	h.Port, c.HTTP = task.Port(port), &h // of localhost, which is both of its addresses
	var questions []watch.Question
	for i := range aSecond {
		asker, err := socket.New(&c, socket.Place{})
		if err != nil {
			return asked{}, err
		}
		questions = append(questions, watch.Question{Process: strconv.Itoa(i), Check: "health", Interval: time.Second, Timeout: time.Second, Asker: asker})
	}
	w.Add(questions...)
	var a asked
	var late []time.Duration
	take := func(n int) {
		for done := 0; done < n; {
			<-w.Bell()
			told, _ := w.Take()
			for _, one := range told {
				late = append(late, one.Late)
				if one.Answer.Outcome != answer.OK {
					a.Wrong++
				}
			}
			done += len(told)
		}
	}
	take(2 * aSecond) // the first attempts are spread differently
	late = late[:0]
	begun, used := time.Now(), ownTime()
	take(seconds * aSecond)
	a.Core = 100 * float64(ownTime()-used) / float64(time.Since(begun))
	slices.Sort(late)
	a.Late = float64(late[len(late)*99/100]) / 1e6
	after, err := weigh(os.Getpid())
	a.Memory = after.pss - before.pss
	w.Stop()
	a.Files = count("/proc/self/fd") - files
	return a, err
}

// ownTime is the processor time of this process.
func ownTime() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u) // it cannot fail
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// askBare makes the system calls that it takes, and no other.
func askBare(address string, seconds int) (asked, error) {
	to, err := net.ResolveTCPAddr("tcp4", address)
	if err != nil {
		return asked{}, err
	}
	addr := &unix.SockaddrInet4{Port: to.Port, Addr: [4]byte(to.IP.To4())}
	request := []byte("GET /health HTTP/1.1\r\nHost: " + address + "\r\nUser-Agent: dewar\r\nAccept: */*\r\nConnection: close\r\n\r\n")
	var a asked
	runtime.LockOSThread()
	begun, used := time.Now(), ownTime()
	for i := range seconds * aSecond {
		if ok, err := bareAsk(addr, request); err != nil {
			return a, err
		} else if !ok {
			a.Wrong++
		}
		pause := unix.NsecToTimespec(int64(time.Until(begun.Add(time.Duration(i+1) * time.Second / aSecond))))
		if pause.Nano() > 0 {
			_ = unix.Nanosleep(&pause, nil) // a signal makes it shorter
		}
	}
	a.Core = 100 * float64(ownTime()-used) / float64(time.Since(begun))
	return a, nil
}

func bareAsk(addr unix.Sockaddr, request []byte) (ok bool, err error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	if err := unix.Connect(fd, addr); err != nil {
		return false, err
	}
	if _, err := unix.Write(fd, request); err != nil {
		return false, err
	}
	var answer []byte
	buf := make([]byte, 1024)
	for {
		n, err := unix.Read(fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			break
		}
		answer = append(answer, buf[:n]...)
	}
	if err := unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
		return false, err
	}
	return strings.HasSuffix(string(answer), "ok"), nil
}

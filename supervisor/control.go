package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/user"
	"strconv"
	"time"

	"github.com/dewarhq/dewar/supervisor/control"
	"github.com/dewarhq/dewar/task"
	"golang.org/x/sys/unix"
)

// maxRequest bounds the body of a control request.
const maxRequest = 1 << 20

// ask is a control request on its way to the loop, which answers it once.
type ask struct {
	request any    // control.Kill, process, control.Signal, Resize, Pause, Unpause, Snooze, Unsnooze or Status
	by      string // who asks: "uid 0 (root)"
	answer  chan<- answer
}

// process is what is asked for one process: restart, stop or start.
type process struct {
	verb string
	control.Process
}

type answer struct {
	value   any // encoded as the body of a 200; nil: {}
	refused int // HTTP status of a refusal, 0 if it is none
	why     error
}

// door serves control.sock. It hands requests to the loop and waits for
// what it says; everything else about them is HTTP.
type door struct {
	asks   chan ask
	server *http.Server
	leave  context.CancelFunc // answers all that wait for the loop
	done   chan error
}

// farewell is how long answers may take to go out when the door closes.
const farewell = 500 * time.Millisecond

// openDoor binds the task's control socket, which the holder of its lock may
// take from whoever left it, and serves it until close.
func openDoor(ctx context.Context, dir task.Dir) (*door, error) {
	listener, err := listen(dir)
	if err != nil {
		return nil, err
	}
	ctx, leave := context.WithCancel(ctx)
	d := &door{asks: make(chan ask), leave: leave, done: make(chan error, 1)}
	d.server = &http.Server{
		Handler:     d.routes(),
		BaseContext: func(net.Listener) context.Context { return ctx },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, peerKey{}, peerOf(c))
		},
	}
	d.server.SetKeepAlivesEnabled(false)
	go func() { d.done <- d.server.Serve(listener) }()
	return d, nil
}

func listen(dir task.Dir) (net.Listener, error) {
	if err := os.Remove(dir.ControlSock()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("take over the control socket: %w", err)
	}
	address, release, err := control.Address(dir)
	if err != nil {
		return nil, err
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: address, Net: "unix"})
	if err := errors.Join(err, release()); err != nil {
		return nil, fmt.Errorf("bind the control socket: %w", err)
	}
	listener.SetUnlinkOnClose(false) // by then its name may lead elsewhere; close removes it
	if err := os.Chmod(dir.ControlSock(), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("restrict the control socket: %w", err), listener.Close())
	}
	return listener, nil
}

// close tells all who wait for the loop, of whose requests nothing has been
// recorded, that the brain is leaving, and returns when nobody serves any more.
func (d *door) close(dir task.Dir) error {
	d.leave()
	inTime, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	err := d.server.Shutdown(inTime)
	if errors.Is(err, context.DeadlineExceeded) { // somebody asks or listens slowly
		err = d.server.Close()
	}
	if served := <-d.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	if removed := os.Remove(dir.ControlSock()); !errors.Is(removed, fs.ErrNotExist) {
		err = errors.Join(err, removed)
	}
	return err
}

func (d *door) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+control.PathKill, func(w http.ResponseWriter, r *http.Request) {
		d.pass(w, r, func(body []byte) (any, error) { return decode[control.Kill](body) })
	})
	for path, verb := range map[string]string{control.PathRestart: "restart", control.PathStop: "stop", control.PathStart: "start"} {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			d.pass(w, r, func(body []byte) (any, error) {
				p, err := decode[control.Process](body)
				return process{verb, p}, err
			})
		})
	}
	mux.HandleFunc("POST "+control.PathSignal, func(w http.ResponseWriter, r *http.Request) {
		d.pass(w, r, func(body []byte) (any, error) { return decode[control.Signal](body) })
	})
	mux.HandleFunc("POST "+control.PathResize, func(w http.ResponseWriter, r *http.Request) {
		d.pass(w, r, func(body []byte) (any, error) { return decode[control.Resize](body) })
	})
	mux.HandleFunc("POST "+control.PathPause, func(w http.ResponseWriter, r *http.Request) {
		d.pass(w, r, func([]byte) (any, error) { return control.Pause{}, nil })
	})
	mux.HandleFunc("POST "+control.PathUnpause, func(w http.ResponseWriter, r *http.Request) {
		d.pass(w, r, func([]byte) (any, error) { return control.Unpause{}, nil })
	})
	mux.HandleFunc("POST "+control.PathSnooze, func(w http.ResponseWriter, r *http.Request) {
		d.pass(w, r, func(body []byte) (any, error) { return decode[control.Snooze](body) })
	})
	mux.HandleFunc("POST "+control.PathUnsnooze, func(w http.ResponseWriter, r *http.Request) {
		d.pass(w, r, func(body []byte) (any, error) { return decode[control.Unsnooze](body) })
	})
	mux.HandleFunc("GET "+control.PathStatus, func(w http.ResponseWriter, r *http.Request) {
		d.pass(w, r, func([]byte) (any, error) { return control.Status{}, nil })
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		reply(w, answer{refused: http.StatusNotFound, why: fmt.Errorf("there is no %s %s here", r.Method, r.URL.Path)})
	})
	return mux
}

// decode reads a request's body; none is the zero request.
func decode[T any](body []byte) (T, error) {
	var request T
	if len(body) == 0 {
		return request, nil
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return request, fmt.Errorf("read the request: %w", err)
	}
	return request, nil
}

// pass takes one request to the loop and its answer back.
func (d *door) pass(w http.ResponseWriter, r *http.Request, decode func([]byte) (any, error)) {
	p, ok := r.Context().Value(peerKey{}).(peer)
	if !ok || p.err != nil || p.uid != 0 && p.uid != os.Geteuid() {
		reply(w, answer{refused: http.StatusForbidden, why: fmt.Errorf("this task belongs to uid %d; %v may not drive it", os.Geteuid(), p)})
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err == nil {
		var request any
		if request, err = decode(body); err == nil {
			reply(w, d.consult(r.Context(), ask{request: request, by: p.String()}))
			return
		}
	}
	reply(w, answer{refused: http.StatusBadRequest, why: err})
}

func (d *door) consult(ctx context.Context, a ask) answer {
	answers := make(chan answer, 1)
	a.answer = answers
	select {
	case d.asks <- a:
	case <-ctx.Done():
		return leaving()
	}
	select {
	case got := <-answers:
		return got
	case <-ctx.Done():
	}
	select {
	case got := <-answers: // the loop's last: it may have been recorded
		return got
	default:
		return leaving()
	}
}

func leaving() answer {
	return answer{refused: http.StatusServiceUnavailable, why: errors.New("the brain is just ending")}
}

func reply(w http.ResponseWriter, a answer) {
	code := http.StatusOK
	value := a.value
	switch {
	case a.refused != 0:
		code, value = a.refused, control.Refusal{Error: a.why.Error()}
	case value == nil:
		value = struct{}{}
	}
	body, err := json.Marshal(value)
	if err != nil {
		code, body = http.StatusInternalServerError, []byte(`{"error":"the brain cannot put its answer into JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)+1))
	w.WriteHeader(code)
	w.Write(append(body, '\n')) // who asked may have gone; that is its own business
}

// peer is who is at the other end of a connection, by the kernel's word.
type peer struct {
	uid int
	err error
}

type peerKey struct{}

func peerOf(c net.Conn) peer {
	unixConn, ok := c.(*net.UnixConn)
	if !ok {
		return peer{err: errors.New("not a unix socket")}
	}
	raw, err := unixConn.SyscallConn()
	if err != nil {
		return peer{err: err}
	}
	var cred *unix.Ucred
	var asked error
	err = raw.Control(func(fd uintptr) { cred, asked = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err := errors.Join(err, asked); err != nil {
		return peer{err: err}
	}
	return peer{uid: int(cred.Uid)}
}

func (p peer) String() string {
	if p.err != nil {
		return fmt.Sprintf("somebody unknown (%v)", p.err)
	}
	if u, err := user.LookupId(strconv.Itoa(p.uid)); err == nil {
		return fmt.Sprintf("uid %d (%s)", p.uid, u.Username)
	}
	return fmt.Sprintf("uid %d", p.uid)
}

package shim

import (
	"bytes"
	"errors"
	"syscall"
)

// notifyDir is where the runs' $NOTIFY_SOCKETs are: a directory with a short
// name, because a socket's is at most 107 bytes long. It is made when the first
// run wants one.
type notifyDir struct {
	name    string // "" until it is made
	next    int
	heard   []byte // what a run says, made with the first socket
	failing bool   // the last socket could not be made, which has been said
	deaf    bool   // the last file watchdog could not be written, which has been said
}

func (d *notifyDir) path(n int) string {
	return string(appendDecimal([]byte(d.name+"/"), n))
}

// longestNotice bounds a run's datagram; what is behind is not heard. systemd
// hears 4 KB.
const longestNotice = 8 << 10

// NotifyPlaces is where the shim of a task may have its notify sockets: the
// directories below /run or the user's $XDG_RUNTIME_DIR, and below /tmp, in the
// order in which they are tried. The last component is a hash of dir, the
// task's directory.
func NotifyPlaces(dir string, uid int, xdg string) []string {
	leaf := "/" + hashOf(dir)
	var places []string
	switch {
	case uid == 0:
		places = append(places, "/run/dewar"+leaf)
	case len(xdg) > 0 && len(xdg) < 60 && xdg[0] == '/':
		places = append(places, xdg+"/dewar"+leaf)
	}
	return append(places, string(appendDecimal([]byte("/tmp/dewar-"), uid))+leaf)
}

// hashOf is 64 bits of FNV-1a in hexadecimal.
func hashOf(text string) string {
	hash := uint64(14695981039346656037)
	for i := 0; i < len(text); i++ {
		hash = (hash ^ uint64(text[i])) * 1099511628211
	}
	var hex []byte
	for i := 60; i >= 0; i -= 4 {
		hex = append(hex, "0123456789abcdef"[hash>>i&15])
	}
	return string(hex)
}

// NotifyLastResort is what the names of directories begin with that the shim of
// a task makes when none of NotifyPlaces can be used: somebody else may have
// taken their names. What follows is random.
func NotifyLastResort(dir string) string { return "/tmp/dewar-" + hashOf(dir) + "-" }

// open makes the directory, in the first place where that can be done safely.
func (d *notifyDir) open(dir string, uid int, xdg string) error {
	for _, place := range NotifyPlaces(dir, uid, xdg) {
		slash := len(place) - 1
		for place[slash] != '/' {
			slash--
		}
		if ownDir(place[:slash], uid) == nil && ownDir(place, uid) == nil {
			d.name = place
			return nil
		}
	}
	var random [8]byte
	if _, err := readFile("/proc/sys/kernel/random/uuid", random[:]); err != nil {
		return &PathError{"read", "/proc/sys/kernel/random/uuid", err}
	}
	place := NotifyLastResort(dir) + string(random[:])
	if err := syscall.Mkdir(place, 0o711); err != nil {
		return &PathError{"make the directory", place, err}
	}
	d.name = place
	return nil
}

// ownDir makes a directory that others may pass through, or finds one that is
// ours and in which nobody else may write.
func ownDir(path string, uid int) error {
	if err := syscall.Mkdir(path, 0o711); err != nil && err != syscall.EEXIST {
		return &PathError{"make the directory", path, err}
	}
	var st syscall.Stat_t
	if err := syscall.Lstat(path, &st); err != nil {
		return &PathError{"look at", path, err}
	}
	if st.Mode&syscall.S_IFMT != syscall.S_IFDIR || int(st.Uid) != uid || st.Mode&0o022 != 0 {
		return &PathError{"use", path, errors.New("it is not a directory of our own in which nobody else may write")}
	}
	return nil
}

// openNotify makes a run's socket: the run's user may write to it, nobody else.
// A directory that has been lost, as with logind's $XDG_RUNTIME_DIR at logout, is
// made again. A run for which no socket can be made starts without one, because
// what fails here is ours and not the task's.
func (s *shim) openNotify(r *run) {
	err := s.bindNotify(r)
	if errors.Is(err, syscall.ENOENT) {
		s.drop(&r.notify)
		s.notify.name = ""
		err = s.bindNotify(r)
	}
	if err != nil {
		s.closeNotify(r)
		if !s.notify.failing {
			complain("runs start without a notify socket, and cannot say that they are ready: " + err.Error())
		}
	}
	s.notify.failing = err != nil
}

func (s *shim) bindNotify(r *run) error {
	if s.notify.name == "" {
		if err := s.notify.open(s.dir, s.uid, s.settings.runtimeDir); err != nil {
			return err
		}
		if s.notify.heard == nil {
			s.notify.heard = make([]byte, longestNotice)
		}
	}
	r.notifyNo = s.notify.next
	s.notify.next++
	path := s.notify.path(r.notifyNo)
	fail := func(verb string, err error) error { return &PathError{verb + " the notify socket", path, err} }
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		return fail("make", err)
	}
	r.notify = fd
	if err := syscall.Unlink(path); err != nil && err != syscall.ENOENT {
		return fail("remove an old one in place of", err)
	}
	old := syscall.Umask(0o177)
	err = syscall.Bind(fd, &syscall.SockaddrUnix{Name: path})
	syscall.Umask(old)
	if err != nil {
		return fail("bind", err)
	}
	if r.spec.uid != s.uid {
		if err := syscall.Lchown(path, r.spec.uid, r.spec.gid); err != nil {
			return fail("give away", err)
		}
	}
	if err := s.watchFd(fd, watchNotify, r, epollIn); err != nil {
		return fail("watch", err)
	}
	return nil
}

// closeNotify removes a run's socket.
func (s *shim) closeNotify(r *run) {
	if r.notify < 0 {
		return
	}
	s.drop(&r.notify)
	if s.notify.name == "" { // the directory was lost
		return
	}
	path := s.notify.path(r.notifyNo)
	if err := syscall.Unlink(path); err != nil && err != syscall.ENOENT {
		complain((&PathError{"remove", path, err}).Error())
	}
}

// remove takes the directory away when the shim ends.
func (d *notifyDir) remove() {
	if d.name == "" {
		return
	}
	if err := syscall.Rmdir(d.name); err != nil && err != syscall.ENOENT {
		complain((&PathError{"remove", d.name, err}).Error())
	}
}

// notified reads what a run has said.
func (s *shim) notified(r *run) {
	if s.readNotify(r) && r.st.State == Running && !r.zombie {
		s.writeStatus(r, false)
		s.bell(BellReady, r)
	}
	if r.fed {
		s.feedWatchdog(r)
	}
}

// drainNotify hears the last words of a run that ends.
func (s *shim) drainNotify(r *run) {
	if r.notify >= 0 {
		s.readNotify(r)
		s.closeNotify(r)
	}
}

// readNotify reports whether the run has become ready.
func (s *shim) readNotify(r *run) bool {
	was := r.st.Ready
	buf := s.notify.heard
	for {
		n, err := receiveNow(r.notify, buf)
		if err != nil {
			return r.st.Ready && !was
		}
		for rest := buf[:n]; len(rest) > 0; {
			line, more, _ := bytes.Cut(rest, []byte{'\n'})
			switch string(line) {
			case "READY=1":
				r.st.Ready = true
			case "WATCHDOG=1":
				r.fed = true
			}
			rest = more
		}
	}
}

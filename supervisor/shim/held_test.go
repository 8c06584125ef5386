package shim

import (
	"syscall"
	"testing"
)

// TestHeldByAChild: a child that was forked and is stopped before it could
// close anything keeps copies of our descriptors. What we close is gone for us
// all the same.
func TestHeldByAChild(t *testing.T) {
	ep, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(ep)
	s := &shim{ep: ep}
	pair := func() (ours, theirs int) {
		p, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		held, err := syscall.Dup(p[0])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			syscall.Close(held)
			syscall.Close(p[1])
		})
		return p[0], p[1]
	}
	ours, theirs := pair()
	if err := s.watchFd(ours, watchConn, nil, epollIn); err != nil {
		t.Fatal(err)
	}
	s.drop(&ours)
	if _, err := writeFd(theirs, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if n, _ := s.waitRaw(0, 0); n != 0 {
		t.Error("a descriptor that was closed still wakes the loop")
	}
	ours, theirs = pair()
	s.conn.fd = ours
	s.hangUp()
	if n, err := receiveNow(theirs, make([]byte, 1)); n != 0 || err != nil {
		t.Errorf("the brain does not hear that its connection has ended: %d, %v", n, err)
	}
}

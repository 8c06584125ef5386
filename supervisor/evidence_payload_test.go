package supervisor

import (
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// beSnare makes whoever reads its memory, for its command line, wait for a file of
// a file system that does not answer: a thread reads that file through the memory
// in which it is mapped, and holds the lock of the memory; another waits to write
// to what the lock guards; and whoever comes then waits for him. It stays, whatever
// it is told.
func beSnare(file string) error {
	fd, err := unix.Open(file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	page, err := unix.Mmap(fd, 0, os.Getpagesize(), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return err
	}
	mem, err := unix.Open("/proc/self/mem", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	at := int64(uintptr(unsafe.Pointer(&page[0])))
	goes := make(chan bool)
	go func() { // on a thread that is there already when the other waits
		runtime.LockOSThread()
		goes <- true
		<-goes
		_, err := unix.Mmap(-1, 0, 1<<20, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANON)
		panic(err)
	}()
	<-goes
	if err := unix.Close(fd); err != nil && err != unix.ENOSYS {
		return err
	}
	go func() {
		buf := make([]byte, 1)
		_, err := unix.Pread(mem, buf, at)
		panic(err)
	}()
	for { // until it is told that the file is being read
		if err := os.Remove("go"); err == nil {
			break
		}
		runtime.Gosched()
	}
	goes <- true
	select {}
}

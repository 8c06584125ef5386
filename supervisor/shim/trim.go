package shim

import "syscall"

// trim gives back the pages of our program text that starting up, or a burst
// of work, has brought in: what the idle loop needs comes back from the page
// cache in a few faults. It halves what a resting shim weighs.
func (t *text) trim() {
	if !t.known {
		t.known = true
		t.find()
	}
	for _, m := range t.maps[:t.n] {
		// Not fatal: the pages stay.
		_, _ = call(syscall.SYS_MADVISE, m.from, m.to-m.from, syscall.MADV_DONTNEED)
	}
}

// text is where our program's read-only pages are mapped.
type text struct {
	known bool
	maps  [4]struct{ from, to uintptr }
	n     int
}

// find reads the mappings up to the first writable one: a program's file comes
// first, and its read-only parts before the others. Only these may be dropped.
func (t *text) find() {
	var buf [1024]byte
	n, err := readFile("/proc/self/maps", buf[:])
	if err != nil {
		return
	}
	for rest := buf[:n]; t.n < len(t.maps); {
		// 00400000-0049d000 r-xp 00000000 fe:00 6302 /usr/bin/dewar-shim
		from, after, ok := hexadecimal(rest)
		if !ok || len(after) < 1 {
			return
		}
		to, after, ok := hexadecimal(after[1:])
		if !ok || len(after) < 5 || after[2] != '-' || after[4] != 'p' {
			return
		}
		end := 0
		for end < len(after) && after[end] != '\n' {
			end++
		}
		if end == len(after) || after[end-1] == ' ' || after[end-1] == '0' && after[end-2] == ' ' {
			return
		}
		t.maps[t.n] = struct{ from, to uintptr }{from, to}
		t.n++
		rest = after[end+1:]
	}
}

func hexadecimal(b []byte) (n uintptr, rest []byte, ok bool) {
	for i, c := range b {
		switch {
		case c >= '0' && c <= '9':
			n = n<<4 | uintptr(c-'0')
		case c >= 'a' && c <= 'f':
			n = n<<4 | uintptr(c-'a'+10)
		default:
			return n, b[i:], i > 0
		}
	}
	return n, nil, false
}

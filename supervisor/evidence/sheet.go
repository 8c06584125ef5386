package evidence

import (
	"fmt"
	"os"
)

// sheet is one file of a bundle. It takes no more than it has room for, and
// then says that it was cut off; to whoever writes it all is well.
type sheet struct {
	file *os.File
	left int
	cut  bool
	err  error // the first one
}

const cutOff = "\n(cut off here)\n"

// newSheet makes a file of a directory that nobody but us writes to.
func newSheet(path string, most int) (*sheet, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return nil, fmt.Errorf("make a file of evidence: %w", err)
	}
	return &sheet{file: f, left: most - len(cutOff)}, nil
}

func (s *sheet) Write(b []byte) (int, error) {
	if s.cut || s.err != nil || len(b) == 0 {
		return len(b), s.err
	}
	text := b[:min(len(b), s.left)]
	if s.left -= len(text); len(text) < len(b) {
		s.cut = true
		text = append(append([]byte(nil), text...), cutOff...)
	}
	_, s.err = s.file.Write(text)
	return len(b), s.err
}

// full says that no more is taken.
func (s *sheet) full() bool { return s.cut || s.err != nil }

func (s *sheet) printf(format string, args ...any) {
	fmt.Fprintf(s, format, args...) // close returns its error
}

// close returns the first error there was.
func (s *sheet) close() error {
	if err := s.file.Close(); s.err == nil {
		s.err = err
	}
	return s.err
}

// write writes one file, no more than fits of it.
func write(path string, most int, text []byte) error {
	s, err := newSheet(path, most)
	if err != nil {
		return err
	}
	_, _ = s.Write(text) // close returns its error
	return s.close()
}

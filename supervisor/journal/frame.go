package journal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
)

const (
	// MaxPayload is the size of the largest payload, in bytes.
	MaxPayload = 16 << 20

	// FrameSize is how much longer a record is than its payload.
	FrameSize = 8

	bufferSize = 128 << 10
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is that of a record: of its length, then of its payload.
func checksum(length, payload []byte) uint32 {
	return crc32.Update(crc32.Update(0, castagnoli, length), castagnoli, payload)
}

// appendFrame appends the record of one payload, whose size must be valid.
func appendFrame(dst, payload []byte) []byte {
	at := len(dst)
	dst = append(append(dst, make([]byte, FrameSize)...), payload...)
	head := dst[at : at+FrameSize]
	binary.BigEndian.PutUint32(head[:4], uint32(len(payload)))
	binary.BigEndian.PutUint32(head[4:], checksum(head[:4], payload))
	return dst
}

// A flaw is why no valid record begins at some place of a file.
type flaw struct {
	reason string
	short  bool // the file ends before the record does
}

func (f *flaw) Error() string { return f.reason }

// A scanner steps from record to record of a file.
type scanner struct {
	src  io.ReaderAt
	off  int64 // of the next record
	mem  []byte
	r, w int // mem[r:w] are the bytes of src from off on
}

// next returns the payload of the next record, valid until the next call, and
// steps over it. It returns io.EOF where the file ends, and a *flaw, without
// stepping, where no valid record begins.
func (s *scanner) next() ([]byte, error) {
	head, err := s.peek(FrameSize)
	if err != nil {
		return nil, err
	}
	if len(head) == 0 {
		return nil, io.EOF
	}
	if len(head) < FrameSize {
		return nil, &flaw{reason: "the file ends in the middle of a record's header", short: true}
	}
	length := int64(binary.BigEndian.Uint32(head))
	if length == 0 || length > MaxPayload {
		return nil, &flaw{reason: fmt.Sprintf("a record cannot be %d bytes long", length)}
	}
	frame, err := s.peek(FrameSize + int(length))
	if err != nil {
		return nil, err
	}
	if len(frame) < FrameSize+int(length) {
		return nil, &flaw{reason: "the file ends in the middle of a record", short: true}
	}
	payload := frame[FrameSize:]
	if checksum(frame[:4], payload) != binary.BigEndian.Uint32(frame[4:]) {
		return nil, &flaw{reason: "the checksum of a record does not match"}
	}
	s.r += len(frame)
	s.off += int64(len(frame))
	return payload, nil
}

// peek returns the n bytes from off on, fewer where the file ends. Memory
// grows with what is there, not with what a false length promises.
func (s *scanner) peek(n int) ([]byte, error) {
	for s.w-s.r < n {
		if s.w == len(s.mem) {
			s.makeRoom()
		}
		k, err := s.src.ReadAt(s.mem[s.w:], s.off+int64(s.w-s.r))
		s.w += k
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return s.mem[s.r:min(s.r+n, s.w)], nil
}

// makeRoom moves the buffered bytes to the front of the buffer, and doubles it
// if they fill it.
func (s *scanner) makeRoom() {
	mem := s.mem
	if s.r == 0 {
		mem = make([]byte, max(2*len(s.mem), bufferSize))
	}
	s.w = copy(mem, s.mem[s.r:s.w])
	s.r, s.mem = 0, mem
}

// forget drops what is buffered: the file behind off may have changed.
func (s *scanner) forget() { s.r, s.w = 0, 0 }

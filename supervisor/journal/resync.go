package journal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// findRecord returns the offset of a valid record of src that begins at or
// after from; ok is false if there is none.
//
// Every offset is tried, and any of them may promise a record of 16 MiB, so no
// candidate's payload is ever summed: sums of all the prefixes of a window,
// noted every sumStep bytes, give the sum of any part of it in a bounded time.
// The first windows are small, because what follows damage is usually near.
func findRecord(src io.ReaderAt, from int64) (off int64, ok bool, err error) {
	for size := int64(bufferSize); ; size = min(8*size, windowSize) {
		window, last, err := readWindow(src, from, size)
		if err != nil {
			return 0, false, err
		}
		starts := len(window)
		if !last && size == windowSize {
			starts -= FrameSize + MaxPayload
		}
		if i, ok := newSums(window).findRecord(starts); ok {
			return from + int64(i), true, nil
		}
		if last {
			return 0, false, nil
		}
		if size == windowSize {
			from += int64(starts)
		}
	}
}

// windowSize lets every record that begins in the first half of a window end
// within it.
const windowSize = 2 * (FrameSize + MaxPayload)

// readWindow returns the bytes of src from off on, at most size, and whether
// the file ends there.
func readWindow(src io.ReaderAt, off, size int64) (window []byte, last bool, err error) {
	window = make([]byte, size)
	n, err := src.ReadAt(window, off)
	if errors.Is(err, io.EOF) {
		return window[:n], true, nil
	}
	return window[:n], false, err
}

// allZero says whether src is nothing but zeros from off on.
func allZero(src io.ReaderAt, off int64) (bool, error) {
	buf := make([]byte, bufferSize)
	for {
		n, err := src.ReadAt(buf, off)
		for _, b := range buf[:n] {
			if b != 0 {
				return false, nil
			}
		}
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		off += int64(n)
	}
}

const sumStep = 512

// sums are the checksums of data's prefixes of 0, sumStep, 2·sumStep … bytes.
type sums struct {
	data   []byte
	at     []uint32
	powers [4][256]uint32 // powers[k][b] is x^(8·b·256^k) modulo the polynomial
}

func newSums(data []byte) *sums {
	s := &sums{data: data, at: make([]uint32, len(data)/sumStep+1)}
	for i := 1; i < len(s.at); i++ {
		s.at[i] = crc32.Update(s.at[i-1], castagnoli, data[(i-1)*sumStep:i*sumStep])
	}
	base := uint32(1) << 23 // x^8, as bit 31 is x^0
	for k := range s.powers {
		s.powers[k][0] = 1 << 31
		for b := 1; b < 256; b++ {
			s.powers[k][b] = multiply(s.powers[k][b-1], base)
		}
		base = multiply(s.powers[k][255], base)
	}
	return s
}

// prefix is the checksum of the first n bytes.
func (s *sums) prefix(n int) uint32 {
	i := n / sumStep
	return crc32.Update(s.at[i], castagnoli, s.data[i*sumStep:n])
}

// findRecord returns the first of the offsets below starts where a valid
// record begins that ends within the data.
func (s *sums) findRecord(starts int) (int, bool) {
	for i := 0; i < starts && i+FrameSize < len(s.data); i++ {
		length := binary.BigEndian.Uint32(s.data[i:])
		begin := i + FrameSize
		if length == 0 || length > MaxPayload || int(length) > len(s.data)-begin {
			continue
		}
		sum := crc32.Update(0, castagnoli, s.data[i:i+4])
		// With | for concatenation, crc(a|b) = crc(a)·x^8|b| + crc(b):
		// so crc(length|payload) comes out of the prefixes that end
		// where the payload begins and ends.
		sum = s.shift(sum^s.prefix(begin), length) ^ s.prefix(begin+int(length))
		if sum == binary.BigEndian.Uint32(s.data[i+4:]) {
			return i, true
		}
	}
	return 0, false
}

// shift is crc·x^(8n): the checksum's share in that of n more bytes.
func (s *sums) shift(crc, n uint32) uint32 {
	for k := 0; n != 0; k, n = k+1, n>>8 {
		if b := n & 0xff; b != 0 {
			crc = multiply(crc, s.powers[k][b])
		}
	}
	return crc
}

// multiply multiplies two polynomials, bits reflected, modulo Castagnoli's.
func multiply(a, b uint32) uint32 {
	var p uint32
	for m := uint32(1) << 31; a != 0; m >>= 1 {
		if a&m != 0 {
			p ^= b
			a ^= m
		}
		carry := b & 1
		b >>= 1
		if carry != 0 {
			b ^= crc32.Castagnoli
		}
	}
	return p
}

package disk

import "encoding/binary"

// dirent is one record of getdents64(2).
type dirent struct {
	next int64  // where to seek to for what comes after it
	name []byte // within the buffer, with its NUL
}

// parse takes one record from buf; ok is false if there is none, or no whole one.
//
//	u64 inode, s64 offset, u16 length, u8 type, name, NUL
func parse(buf []byte) (d dirent, rest []byte, ok bool) {
	const header = 19
	if len(buf) < header+1 {
		return d, nil, false
	}
	size := int(binary.NativeEndian.Uint16(buf[16:]))
	if size < header+1 || size > len(buf) {
		return d, nil, false
	}
	d.next = int64(binary.NativeEndian.Uint64(buf[8:]))
	for i := header; i < size; i++ {
		if buf[i] == 0 {
			d.name = buf[header : i+1]
			return d, buf[size:], true
		}
	}
	return d, nil, false
}

// dots says whether a record is the directory itself, or what it lies in.
func (d dirent) dots() bool {
	name := string(d.name)
	return name == ".\x00" || name == "..\x00"
}

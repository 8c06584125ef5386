// Package journal is an append-only log of framed, checksummed records in one
// file: append, replay, compact. It knows nothing of tasks: what comes in and
// goes out are payloads, byte strings of 1 B to 16 MiB.
//
// # Format, version 1
//
// A file is records and nothing else; the first begins at offset 0. Numbers
// are big endian.
//
//	0        4        8                 8+length
//	├────────┼────────┼─────────────────┤├────────┼── …
//	│ length │ crc32c │ payload         ││ length │
//	└────────┴────────┴─────────────────┘└────────┴── …
//	0 < length ≤ 16 MiB, of the payload
//	crc32c (Castagnoli) of the four bytes of length, then of the payload
//
// There is no header: a version belongs into the first payload, which the
// reader's program must understand anyway. A length of 0 is refused so that
// zeros are never a record.
//
// # What is wrong with a file, and what is done about it
//
// A place where no valid record begins is judged by what follows it.
//
//	at offset 0, and not all zeros to the end    damaged
//	some valid record begins further on          damaged
//	otherwise                                    a torn tail
//
// A torn tail is what a machine's crash, or a short write, leaves behind. Open
// keeps it in <path>.cut and cuts it off; a Reader treats it as not there yet.
// From a damaged file the records before the damage are given, then a *Damaged
// that names the offset; Open changes nothing. The first record is never
// called torn, because a journal that lost it (a compacted one has only it)
// would look like one that is new.
//
// The search for a following record looks at every offset and takes the same
// time whatever lengths it finds there; see resync.go. It could be deceived by
// a torn record whose payload contains a whole record. Payloads that are text
// cannot: every valid length begins with a zero byte or is exactly 16 MiB.
//
// # Writing
//
// One goroutine of one process writes; keeping others out is the caller's
// business. Open removes what an interrupted compaction left.
//
//	Append     one write(2). Either all its records are in the file when it
//	           returns, or none is and it has failed. Should the process or
//	           the machine die in the middle, the first few of them may stay:
//	           every prefix of a call must be a legal journal.
//	Compact    <path>.new ─ write ─ fsync ─ reserve ─ rename over <path> ─ fsync
//	           of the directory. Killed anywhere, the old journal or the new one
//	           is there, whole.
//	Room       asks for the reserve again.
//	Release    gives the reserve back, when nothing more is to be written.
//
// # A full disk
//
// Behind the last record the file owns blocks that are not part of its size
// (fallocate with KEEP_SIZE), so that the last words can be written when there
// is no room for anything else:
//
//	├─ records ─┤├──── ahead ────┤├──── reserve ────┤
//	          size                                allocated
//
// An append in Ordinary space first makes sure that the whole reserve will be
// left behind it, else it is ErrFull and changes nothing. An append in Reserve
// space just writes, and is ErrFull when the reserve is spent too. Compaction
// needs room for the new file and its reserve, else it is ErrFull and the old
// journal stays. Tried on full ext4 and tmpfs (reserve_test.go); where fallocate is not
// supported, Unreserved says so, both spaces are the same, and ErrFull comes
// when the disk is full.
//
// # Deliberately absent
//
// Locks, goroutines, buffering of appends, an index, random access, knowledge
// of what a payload means.
package journal

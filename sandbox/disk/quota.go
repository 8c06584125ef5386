package disk

import (
	"fmt"
	"hash/fnv"
	"iter"
)

// Quota is a project on a file system, as it is recorded before it is used.
type Quota struct {
	ID    uint32 `json:"id"`    // the project's number
	Mount string `json:"mount"` // where its file system is mounted
}

// Our projects are 0x40000000 to 0x4fffffff: far above what people give by hand
// in /etc/projects, and what other agents count up from (Mesos 5000, kubelet
// 1048577).
const (
	firstID = 0x4000_0000
	idMask  = 0x0fff_ffff
	tries   = 1000 // projects of ours in a row that are taken: something is wrong
)

// candidates are the numbers to try for a task: its hash, and what follows.
func candidates(task string) iter.Seq[uint32] {
	h := fnv.New64a()
	h.Write([]byte(task))
	sum := h.Sum64()
	start := uint32(sum ^ sum>>32)
	return func(yield func(uint32) bool) {
		for i := range uint32(tries) {
			if !yield(firstID | (start+i)&idMask) {
				return
			}
		}
	}
}

// unitSize is what limits are given in at quotactl(2).
const unitSize = 1024

// units is a limit for quotactl, rounded down to the file system's own blocks,
// to which xfs would round it up. Its 0 would be no limit.
func units(bytes, block int64) (uint64, error) {
	block = max(block, unitSize)
	if bytes < block {
		return 0, fmt.Errorf("a limit of %d bytes is less than a block of the file system, %d", bytes, block)
	}
	return uint64(bytes / block * block / unitSize), nil
}

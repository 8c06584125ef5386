package machine

import (
	"math/bits"
	"slices"
)

// set is a set of process indexes that is walked in the order of the file.
type set []uint64

func newSet(n int) set { return make(set, (n+63)/64) }

func (s set) put(i int, in bool) {
	if in {
		s[i/64] |= 1 << (i % 64)
	} else {
		s[i/64] &^= 1 << (i % 64)
	}
}

func (s set) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }

// next is the first member that is not below i, -1 if there is none.
func (s set) next(i int) int {
	w := i / 64
	if w >= len(s) {
		return -1
	}
	word := s[w] &^ (1<<(i%64) - 1)
	for word == 0 {
		if w++; w == len(s) {
			return -1
		}
		word = s[w]
	}
	return w*64 + bits.TrailingZeros64(word)
}

// timers are boot times, at most one per process; the earliest is at the top
// of a heap.
type timers struct {
	heap []timer
	at   []int // where in the heap a process is, plus 1; 0: nowhere
}

type timer struct {
	boot int64
	i    int
}

func newTimers(n int) timers { return timers{at: make([]int, n)} }

// set gives process i a time; 0 takes it away.
func (t *timers) set(i int, boot int64) {
	at := t.at[i] - 1
	switch {
	case at < 0 && boot == 0:
	case at < 0:
		t.heap = append(t.heap, timer{boot, i})
		t.at[i] = len(t.heap)
		t.up(len(t.heap) - 1)
	case boot == 0:
		last := len(t.heap) - 1
		t.swap(at, last)
		t.heap, t.at[i] = t.heap[:last], 0
		if at < last {
			t.down(t.up(at))
		}
	case t.heap[at].boot != boot:
		t.heap[at].boot = boot
		t.down(t.up(at))
	}
}

// first is the earliest time, 0 if there is none.
func (t *timers) first() int64 {
	if len(t.heap) == 0 {
		return 0
	}
	return t.heap[0].boot
}

// due are the processes whose time is not after now, in the order of the file.
func (t *timers) due(now int64) []int {
	var found []int
	var visit func(at int)
	visit = func(at int) {
		if at < len(t.heap) && t.heap[at].boot <= now {
			found = append(found, t.heap[at].i)
			visit(2*at + 1)
			visit(2*at + 2)
		}
	}
	visit(0)
	slices.Sort(found)
	return found
}

func (t *timers) swap(a, b int) {
	t.heap[a], t.heap[b] = t.heap[b], t.heap[a]
	t.at[t.heap[a].i], t.at[t.heap[b].i] = a+1, b+1
}

func (t *timers) up(at int) int {
	for at > 0 && t.heap[at].boot < t.heap[(at-1)/2].boot {
		t.swap(at, (at-1)/2)
		at = (at - 1) / 2
	}
	return at
}

func (t *timers) down(at int) {
	for {
		least := at
		for _, child := range [2]int{2*at + 1, 2*at + 2} {
			if child < len(t.heap) && t.heap[child].boot < t.heap[least].boot {
				least = child
			}
		}
		if least == at {
			return
		}
		t.swap(at, least)
		at = least
	}
}

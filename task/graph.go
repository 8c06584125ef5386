package task

import (
	"slices"
	"strings"
)

// Edges are the edges of a task in one form, whether they were written as an
// order or as after: the i-th list gates the start of the i-th process. Within
// a list they are in the order of the file, each once. Edges of unknown
// processes are left out; Validate reports them.
//
// It costs time and memory in proportion to what is written in the task; a
// caller that asks often keeps the answer.
func (t *Task) Edges() [][]Edge {
	type written struct {
		from, to int
		when     When
	}
	lists, seen := make([][]Edge, len(t.Processes)), make(map[written]bool)
	for _, l := range t.links(t.indexes()) {
		if w := (written{l.from, l.to, l.when}); !seen[w] {
			seen[w] = true
			lists[l.to] = append(lists[l.to], Edge{Process: t.Processes[l.from].Name, When: l.when, OnLost: l.lost})
		}
	}
	return lists
}

// link is an edge by places in the list of processes, with the path of the
// words that made it.
type link struct {
	from, to int
	when     When
	lost     OnLost
	path     func() Path
}

// indexes maps each name to the first process that has it.
func (t *Task) indexes() map[string]int {
	index := make(map[string]int, len(t.Processes))
	for i, p := range t.Processes {
		if _, taken := index[p.Name]; !taken {
			index[p.Name] = i
		}
	}
	return index
}

func (t *Task) links(index map[string]int) []link {
	var links []link
	for c, constraint := range t.Constraints {
		for j := 1; j < len(constraint.Order); j++ {
			from, known := index[constraint.Order[j-1]]
			to, alsoKnown := index[constraint.Order[j]]
			if known && alsoKnown {
				links = append(links, link{from, to, WhenSuccess, "", func() Path {
					return Path{"constraints", c, "order", j}
				}})
			}
		}
	}
	for i, p := range t.Processes {
		for j, e := range p.After {
			if from, known := index[e.Process]; known {
				links = append(links, link{from, i, e.when(), e.OnLost, func() Path {
					return Path{"processes", i, "after", j, "process"}
				}})
			}
		}
	}
	return links
}

// CanBeLost tells the edges that can be satisfied now and not a moment later:
// those of which OnLost says something.
func (e Edge) CanBeLost() bool { return e.When == WhenReady || e.When == WhenHealthy }

// when is the edge's condition, the default included.
func (e Edge) when() When {
	if e.When == "" {
		return WhenSuccess
	}
	return e.When
}

// maxCycles bounds how many cycles are found. Who has more will see the rest
// after the first ones are gone.
const maxCycles = 20

// cycles finds processes that wait for themselves. Each cycle is given as
// links, the last of which leads back to where the first comes from. No
// process is in two of them: of two cycles through one process the second is
// found when the first has been broken up.
func cycles(n int, links []link) [][]link {
	var found [][]link
	said := make([]bool, n)
	for len(found) < maxCycles {
		before := tangled(n, links, said)
		start := slices.IndexFunc(before, func(l int) bool { return l >= 0 })
		if start < 0 {
			break
		}
		var walk []int // links, backwards
		at, place := start, make([]int, n)
		for ; place[at] == 0; at = links[before[at]].from {
			walk = append(walk, before[at])
			place[at] = len(walk)
		}
		cycle := forwards(walk[place[at]-1:], links)
		for _, l := range cycle {
			said[l.to] = true
		}
		found = append(found, cycle)
	}
	return found
}

// tangled takes the graph apart from its beginnings, without the processes
// that are left out. For each process that never becomes free, because it is
// in a cycle or behind one, it gives a link from another such process; for all
// others -1.
func tangled(n int, links []link, without []bool) []int {
	missing, out := make([]int, n), make([][]int, n)
	for _, l := range links {
		if !without[l.from] && !without[l.to] {
			missing[l.to]++
			out[l.from] = append(out[l.from], l.to)
		}
	}
	var free []int
	for i := range n {
		if missing[i] == 0 {
			free = append(free, i)
		}
	}
	for len(free) > 0 {
		i := free[len(free)-1]
		free = free[:len(free)-1]
		for _, to := range out[i] {
			if missing[to]--; missing[to] == 0 {
				free = append(free, to)
			}
		}
	}
	before := make([]int, n)
	for i := range before {
		before[i] = -1
	}
	for i, l := range links {
		if !without[l.from] && !without[l.to] && missing[l.from] > 0 && missing[l.to] > 0 {
			before[l.to] = i
		}
	}
	return before
}

func forwards(walk []int, links []link) []link {
	var cycle []link
	for _, l := range slices.Backward(walk) {
		cycle = append(cycle, links[l])
	}
	return cycle
}

// drawn prints a cycle, a → b → a; the middle of a long one is left out.
func (t *Task) drawn(cycle []link) string {
	const most = 12
	first := 0 // begin with the process that stands first in the file
	for i, l := range cycle {
		if l.from < cycle[first].from {
			first = i
		}
	}
	var names []string
	for i := range cycle {
		names = append(names, t.Processes[cycle[(first+i)%len(cycle)].from].Name)
	}
	names = append(names, names[0])
	if len(names) > most {
		names = append(append(names[:most/2:most/2], "…"), names[len(names)-most/2:]...)
	}
	return strings.Join(names, " → ")
}

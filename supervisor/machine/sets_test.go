package machine

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// timers and set do what a map does.
func TestSets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := draw(t, "n", 1, 200)
		timers, members := newTimers(n), newSet(n)
		times := make(map[int]int64)
		for range draw(t, "steps", 0, 100) {
			i, boot := draw(t, "i", 0, n-1), int64(draw(t, "boot", 0, 20))
			timers.set(i, boot)
			members.put(i, boot > 0)
			if times[i] = boot; boot == 0 {
				delete(times, i)
			}
			now := int64(draw(t, "now", 0, 20))
			var due, all []int
			first := int64(0)
			for i, boot := range times {
				all = append(all, i)
				if boot <= now {
					due = append(due, i)
				}
				if first == 0 || boot < first {
					first = boot
				}
			}
			slices.Sort(due)
			slices.Sort(all)
			if got := timers.due(now); !slices.Equal(got, due) || timers.first() != first {
				t.Fatalf("due are %v and first is %d, want %v and %d", got, timers.first(), due, first)
			}
			var walked []int
			for i := members.next(0); i >= 0; i = members.next(i + 1) {
				walked = append(walked, i)
			}
			if !slices.Equal(walked, all) {
				t.Fatalf("members are %v, want %v", walked, all)
			}
		}
	})
}

package command_test

import (
	"os/exec"
	"testing"
	"time"
)

// BenchmarkCheck is one attempt, in groups and without, beside a bare fork,
// execve and wait of the same program.
func BenchmarkCheck(b *testing.B) {
	b.Run("groups", func(b *testing.B) { benchmark(newWorld(b, grow(b)), b) })
	b.Run("alone", func(b *testing.B) { benchmark(newWorld(b, nil), b) })
	b.Run("bare", func(b *testing.B) {
		for b.Loop() {
			if err := exec.Command("/bin/true").Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func benchmark(w *world, b *testing.B) {
	asker := w.Asker(w.argv("c", "/bin/true"))
	defer asker.Close()
	for b.Loop() {
		if a := asker.Ask(time.Now().Add(patience)); a.Reason != "" {
			b.Fatalf("%+v", a)
		}
	}
}

package shim_test

import (
	"os/exec"
	"strconv"
	"testing"

	"github.com/dewarhq/dewar/supervisor/shim"
)

// BenchmarkSequence is one run after the other, each seen before the next.
func BenchmarkSequence(b *testing.B) {
	r := start(b, withBinary(b))
	b.ResetTimer()
	for i := range b.N {
		id := run("p", i)
		if err := r.try(id, "", argv("/bin/bash", "-c", "true")); err != nil {
			b.Fatal(err)
		}
		r.hear(shim.BellEnded, id)
		if err := r.conn.Seen(id); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAtOnce keeps 64 runs going.
func BenchmarkAtOnce(b *testing.B) {
	r := start(b, withBinary(b))
	b.ResetTimer()
	live, next := 0, 0
	for done := 0; done < b.N; {
		for live < 64 && next < b.N {
			if err := r.try(run("p", next), "", argv("/bin/bash", "-c", "true")); err != nil {
				b.Fatal(err)
			}
			live, next = live+1, next+1
		}
		bell := <-r.conn.Bells()
		if bell.Kind == shim.BellEnded {
			if err := r.conn.Seen(bell.RunID); err != nil {
				b.Fatal(err)
			}
			live, done = live-1, done+1
		}
	}
}

// BenchmarkBash is what bash alone needs.
func BenchmarkBash(b *testing.B) {
	if out, err := exec.Command("/bin/bash", "-c", "for ((i=0;i<"+strconv.Itoa(b.N)+";i++)); do bash -c true; done").CombinedOutput(); err != nil {
		b.Fatal(err, string(out))
	}
}

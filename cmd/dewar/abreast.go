package main

import "golang.org/x/sync/errgroup"

// width is for how many tasks something is done side by side: each may start
// a shim and a brain, and wait for them.
const width = 16

// abreast does something for each of n, side by side, and returns what each
// came to, in their order.
func abreast(n int, do func(i int) error) []error {
	errs := make([]error, n)
	var g errgroup.Group
	g.SetLimit(width)
	for i := range n {
		g.Go(func() error {
			errs[i] = do(i)
			return nil // the others go on
		})
	}
	_ = g.Wait() // the errors are in errs
	return errs
}

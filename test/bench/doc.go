// Command bench measures Dewar beside its peers, in one go, on whatever
// machine, and holds it to the numbers that were promised.
//
//	go run ./test/bench -bin bin [-n 10] [-quick] [-only RE] [-json FILE]
//
// In come the programs of -bin, and of the peers (bash, s6, runit,
// supervisord) those that are installed. Out come a table (median, p95, how
// often, the promise, whether it was kept) and the same as JSON with the
// machine's facts. Work that is compared is measured in turn, ours and theirs,
// so that a busy moment hits both.
//
// The promises live in promises.go. Figures of Thermos are from a run of the
// real one on a machine like the developers' (two cores, CPython 2.7); they
// are there for scale.
//
// This program is its own payload: `bench stamp FILE` writes the time at which
// it began to run.
//
// Deliberately absent: a failing exit status for a promise that was not kept.
// A busy machine is no defect; tests assert order, or generous bounds.
package main

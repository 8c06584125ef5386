// Command bench measures Dewar beside its peers, in one go, on whatever
// machine, and holds it to the numbers that were promised.
//
//	go run ./test/bench -bin bin [-n 10] [-quick] [-guests=false] [-only RE] [-json FILE]
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
// Work with control groups is done once with each kind that can be had: those
// that the machine has; of a hybrid one also v1 and v2 alone, in a mount namespace
// without the other (test/own), where v2 has no controllers; and v2 with
// controllers, in an emulated guest (test/vm). No promise is about an emulated
// row. -guests=false leaves it out.
//
// This program is its own payload: `bench stamp FILE` writes the time at which
// it began to run, `bench view WORK …` does one work with the groups that it
// sees, `bench family N` is a process with N children that sleep.
//
// Deliberately absent: a failing exit status for a promise that was not kept.
// A busy machine is no defect; tests assert order, or generous bounds.
package main

// Command lanes runs this module's tests once as root, once as an ordinary
// user, and those that need another kernel in guests, and fails if some test
// ran in none of the lanes.
//
//	go run ./test/lanes [-race=false] [-once] [-timeout 20m] [-guest 9m] [-run RE] [-lanes v2,v1] [packages]
//
// What goes out: the lines that `go test` prints (a passing package is one
// line, a failing test is shown with all it said), then a line per lane, then
// each test that was skipped in every lane, with its reasons.
//
//	lanes ──▶ go test -json …                             the root lane
//	   ├────▶ go test -json -exec "lanes as-user …" …     the user lane
//	   │           └─▶ lanes as-user ─ setuid, execve ─▶ the test binary
//	   ├────▶ go test -json -exec "own -view v2 --" …    a lane for each view
//	   └────▶ vm -c v2 … lanes in-guest …                 a lane for each guest
//	               └─▶ test2json ─▶ lanes in-group ─ execve ─▶ each test binary
//
// A view is the machine itself with only one kind of its control groups to be
// seen (test/own): views.go says what runs there.
//
// The guests and the tests that are run in them are two tables in guests.go.
// One guest is booted for all binaries of its lane; they are compiled without
// the race detector. On v2 each is alone in a group that has every controller
// and belongs to it, as a service with Delegate=yes is on a systemd machine.
// Where guests cannot be booted, tests that need one are named and do not
// count as forgotten; under DEWAR_TEST_STRICT=1 it is a failure.
//
// Started by an ordinary user there is the user lane only; tests that need
// root are then named and do not count as forgotten. Started as root, the user
// lane is the user nobody (DEWAR_LANE_USER names another), with a HOME, TMPDIR
// and XDG directories of its own. That user can read neither root's module and
// build caches nor, often, the work tree: the programs are built beforehand
// (test/programs takes them from DEWAR_BIN), and a work tree that lies
// behind a closed directory is copied.
//
// Where tests of one or two packages fail, those packages (in a guest: all of
// them) are run once more, and what passes then is called flaky at the end. The
// tests are of real processes on a machine that others use too; what fails
// once in a hundred times is found by make soak, which repeats and never runs
// anything once more. More failures than that, a package that does not build and
// programs that are left running fail at once.
//
// Deliberately absent: guests for an ordinary user (test/vm takes root).
package main

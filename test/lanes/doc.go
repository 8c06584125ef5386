// Command lanes runs this module's tests once as root and once as an ordinary
// user, and fails if some test ran in neither.
//
//	go run ./test/lanes [-race=false] [-timeout 20m] [-run RE] [packages]
//
// What goes out: the lines that `go test` prints (a passing package is one
// line, a failing test is shown with all it said), then a line per lane, then
// each test that was skipped in every lane, with its reasons.
//
//	lanes ──▶ go test -json …                             the root lane
//	   └────▶ go test -json -exec "lanes as-user …" …     the user lane
//	               └─▶ lanes as-user ─ setuid, execve ─▶ the test binary
//
// Started by an ordinary user there is the user lane only; tests that need
// root are then named and do not count as forgotten. Started as root, the user
// lane is the user nobody (DEWAR_LANE_USER names another), with a HOME, TMPDIR
// and XDG directories of its own. That user can read neither root's module and
// build caches nor, often, the work tree: the programs are built beforehand
// (test/programs takes them from DEWAR_BIN), and a work tree that lies
// behind a closed directory is copied.
//
// Deliberately absent: retries, and knowledge of any particular test.
package main

// Package needs lets a test say what it cannot do without: root, an ordinary
// user, a program, a kernel with certain control groups or quotas. Where that is
// not there, the test is skipped with a reason that begins with "needs: ",
// which test/lanes reads: a test may be skipped in one lane, but `make check`
// fails if it ran in none.
//
// What comes in: a test, and the thing it needs. What goes out: the thing
// (a program's path), or a skip. Deliberately absent: looking for the thing by
// name of a distribution or a version; whoever needs a feature tries it.
//
// In the environment:
//
//	DEWAR_TEST_STRICT=1   a missing program fails the test instead of skipping it (CI)
//	DEWAR_LANE=v2         set by test/lanes: the lane's name, where it is not root's own
package needs

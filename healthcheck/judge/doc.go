// Package judge turns the answers that a check got, one after the other, into a
// verdict: the pure half of a health check.
//
//	           fail × (max_consecutive_failures + 1),
//	           or too few attempts are left
//	Starting ──────────────────────────────────────────▶ Unhealthy
//	    │                                                 ▲     │
//	    └─ ok × min_consecutive_successes ─▶ Healthy ─────┘     │
//	                                            ▲               │
//	                                            └───────────────┘
//	                                   ok × min_consecutive_successes
//
// The arithmetic is Aurora's, so that jobs written for it mean the same here.
// With forgiving = ⌈initial_interval / interval⌉, the failures of the first
// forgiving attempts are ignored, also of a target that has been healthy before;
// a target that is not healthy after forgiving + max_consecutive_failures +
// min_consecutive_successes attempts is unhealthy, and already when so few are left
// that it cannot be. Aurora's checker made one attempt more than its documentation
// said; this one does not.
//
// Of the five answers only ok counts for and only fail counts against. The
// others consume no attempt, interrupt no row and prolong none: what could not be
// asked says nothing. Because a target that hangs may be the very thing that
// keeps it from being asked, answers that are inconclusive again and again are
// failures from the moment on when there have been MaxDoubts in a row and
// DoubtsFor has passed since the first of them.
//
// What becomes of an unhealthy target is not decided here: whoever restarts it
// begins with a new State, whoever fails the task asks no more, and of one that only
// says whether it is ready the verdict goes back and forth.
//
// Deliberately absent: clocks, asking, acting, and anything else that is not a
// function of the state and the answer.
package judge

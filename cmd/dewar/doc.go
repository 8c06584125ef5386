// Dewar is the command line: it makes, follows, explains, signals and kills
// tasks on this machine.
//
//	dewar run FILE        dewar simplerun -- CMD…
//	dewar status          dewar inspect        dewar why          dewar graph
//	dewar tail            dewar read           dewar wait
//	dewar kill            dewar restart        dewar stop         dewar start
//	dewar signal          dewar resume         dewar gc
//	dewar validate        dewar schema         dewar version
//
// It is never itself a brain. What it tells it reads from the tasks'
// directories (package observer), what it wants done it asks of a task's brain
// (supervisor/control), and where no brain or shim lives it starts them
// (launch). A verb that drives a task wakes one that nobody keeps; a verb that
// reads does not.
//
// What is asked for goes to stdout, everything else to stderr, and an error
// is said once, as a sentence. With --json stdout has JSON objects, one a
// line; their types are beside the verbs, and their field names are stable.
//
// Environment: DEWAR_ROOT is the directory of the tasks, DEWAR_LIBEXEC that of
// dewar-shim and dewar-executor; NO_COLOR and TERM are heeded.
package main

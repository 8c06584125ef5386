// Package socket asks checks over sockets: http, tcp and grpc; and file, which
// looks at how old a heartbeat is.
//
//	task.Check, Place ──New──▶ Asker ──Ask(deadline)──▶ Answer
//
//	          dial (place, families)      talk (http, tcp, grpc)
//	deadline ─────────────────────▶ conn ───────────────────────▶ Answer
//	                                     part: leave no trace
//
// Each Ask has a connection of its own, and one absolute deadline for all of it:
// a target that sends a byte now and then gains nothing. What it answers is read
// to a bound. Redirects are answers, and nobody is asked whom they name.
//
// "localhost" is 127.0.0.1 and ::1, and a success of either will do: the one
// that answered last is asked first, the other when that one has failed, or has
// not answered in half the time.
//
// HTTP is spoken here and not by net/http: a client of that takes 24 to 29 % of a
// core for a thousand checks a second, the system calls alone some 10 %. What it
// would do for us beyond a request and an answer, it is not to do.
//
// No port of ours is used up: who is asked closes first, which it is asked for,
// and then gets a reset, which nobody sees any more but the kernel; so neither
// side keeps the connection for a minute (TIME_WAIT). A target that does not
// close within 100 ms is closed as usual. Where nothing is said (tcp without send
// and expect) the handshake is taken back, and nobody has to accept it.
//
// Want of something on our own side (ports, descriptors, memory), names that
// cannot be resolved and certificates to trust that cannot be read are
// inconclusive: they say nothing about the target.
package socket

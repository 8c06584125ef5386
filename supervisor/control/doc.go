// Package control is the door of a task's brain: the requests that a person
// may make of it, and the client that makes them.
//
//	dewar ──▶ <task dir>/control.sock ──▶ dewar-executor
//	  POST /v1/kill             Kill
//	  POST /v1/process/restart  Process
//	  POST /v1/process/stop     Process
//	  POST /v1/process/start    Process
//	  POST /v1/process/signal   Signal
//	  GET  /v1/status           ──▶ Status
//
// It is HTTP, so that any tool can speak it (curl --unix-socket). A reply comes
// when the request is in the task's journal, not when it has been carried out;
// a refusal is a 4xx, trouble of ours a 5xx, both with a Refusal as their body.
// The brain answers its own user and root, by the peer credentials of the
// socket.
//
// Deliberately absent: the brain's side, which is in package supervisor, and
// net/http: a person's command runs often and waits for what it links. The
// client speaks HTTP/1.0, one connection a request.
package control

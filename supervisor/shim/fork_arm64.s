#include "textflag.h"

// op: nr 0, mode 4, args 8, want 56; 64 bytes.

// func forkOps(trap, a, b uintptr, first *op, n, hs uintptr) uintptr
TEXT ·forkOps(SB), NOSPLIT, $16-56
	MOVD	trap+0(FP), R8
	MOVD	a+8(FP), R0
	MOVD	b+16(FP), R1
	MOVD	ZR, R2
	MOVD	ZR, R3
	MOVD	ZR, R4
	SVC
	CBZ	R0, child
	MOVD	R0, ret+48(FP)
	RET

child:
	MOVD	first+24(FP), R19 // the op
	MOVD	n+32(FP), R20     // their end
	ADD	R20<<6, R19, R20
	MOVD	ZR, R21           // the last opExec that was denied
	MOVD	ZR, R22           // the errno of the last opExec

run:
	CMP	R20, R19
	BHS	last
	MOVWU	0(R19), R8
	MOVD	8(R19), R0
	MOVD	16(R19), R1
	MOVD	24(R19), R2
	MOVD	32(R19), R3
	MOVD	40(R19), R4
	MOVD	48(R19), R5
	SVC
	MOVHU	4(R19), R23
	CMP	$1, R23           // opMay
	BEQ	next
	CMP	$5, R23           // opDown
	BEQ	down
	CMN	$4095, R0
	BHS	failed
	CMP	$4, R23           // opAbsent
	BEQ	found
	CMP	$2, R23           // opWant
	BNE	next
	MOVD	56(R19), R1
	CMP	R1, R0
	BEQ	next
	MOVD	ZR, R0
	B	tell

next:
	ADD	$64, R19
	B	run

down:
	MOVD	8(R19), R0
	MOVD	56(R19), R1
	CMP	R1, R0
	BLS	next
	SUB	$1, R0
	MOVD	R0, 8(R19)
	B	run

failed:
	NEG	R0, R0
	CMP	$4, R23           // opAbsent
	BEQ	next
	CMP	$4, R0            // EINTR
	BEQ	run
	CMP	$3, R23           // opExec
	BNE	tell
	MOVD	R0, R22
	CMP	$2, R0            // ENOENT
	BEQ	next
	CMP	$20, R0           // ENOTDIR
	BEQ	next
	CMP	$13, R0           // EACCES
	BNE	tell
	MOVD	R19, R21
	ADD	$128, R19
	B	run

found:
	MOVD	R22, R0
	B	tell

last:
	MOVD	$2, R0            // ENOENT
	MOVD	R20, R19
	CBZ	R21, tell
	MOVD	$13, R0           // EACCES
	MOVD	R21, R19

tell:
	MOVD	first+24(FP), R1
	SUB	R1, R19
	LSR	$6, R19
	LSL	$16, R19
	LSL	$32, R0
	ORR	R0, R19
	MOVD	$0x45, R1         // E, NUL
	ORR	R1, R19
	MOVD	R19, 8(RSP)
	MOVD	hs+40(FP), R0
	MOVD	$8(RSP), R1
	MOVD	$8, R2
	MOVD	$64, R8           // write
	SVC

exit:
	MOVD	$111, R0
	MOVD	$94, R8           // exit_group
	SVC
	B	exit

#include "textflag.h"

// op: nr 0, mode 4, args 8, want 56; 64 bytes.

// func forkOps(trap, a, b uintptr, first *op, n, hs uintptr) uintptr
TEXT ·forkOps(SB), NOSPLIT, $16-56
	MOVQ	trap+0(FP), AX
	MOVQ	a+8(FP), DI
	MOVQ	b+16(FP), SI
	XORL	DX, DX
	XORL	R10, R10
	XORL	R8, R8
	SYSCALL
	TESTQ	AX, AX
	JZ	child
	MOVQ	AX, ret+48(FP)
	RET

child:
	MOVQ	first+24(FP), BX // the op
	MOVQ	n+32(FP), R12    // their end
	SHLQ	$6, R12
	ADDQ	BX, R12
	XORL	R13, R13         // the last opExec that was denied
	XORL	R14, R14         // the errno of the last opExec

run:
	CMPQ	BX, R12
	JCC	last
	MOVL	0(BX), AX
	MOVQ	8(BX), DI
	MOVQ	16(BX), SI
	MOVQ	24(BX), DX
	MOVQ	32(BX), R10
	MOVQ	40(BX), R8
	MOVQ	48(BX), R9
	SYSCALL
	MOVWLZX	4(BX), CX
	CMPL	CX, $1           // opMay
	JEQ	next
	CMPL	CX, $5           // opDown
	JEQ	down
	CMPQ	AX, $-4095
	JCC	failed
	CMPL	CX, $4           // opAbsent
	JEQ	found
	CMPL	CX, $2           // opWant
	JNE	next
	CMPQ	AX, 56(BX)
	JEQ	next
	XORL	AX, AX
	JMP	tell

next:
	ADDQ	$64, BX
	JMP	run

down:
	MOVQ	8(BX), AX
	CMPQ	AX, 56(BX)
	JLS	next
	DECQ	AX
	MOVQ	AX, 8(BX)
	JMP	run

failed:
	NEGQ	AX
	CMPL	CX, $4           // opAbsent
	JEQ	next
	CMPL	AX, $4           // EINTR
	JEQ	run
	CMPL	CX, $3           // opExec
	JNE	tell
	MOVQ	AX, R14
	CMPL	AX, $2           // ENOENT
	JEQ	next
	CMPL	AX, $20          // ENOTDIR
	JEQ	next
	CMPL	AX, $13          // EACCES
	JNE	tell
	MOVQ	BX, R13
	ADDQ	$128, BX
	JMP	run

found:
	MOVQ	R14, AX
	JMP	tell

last:
	MOVL	$2, AX           // ENOENT
	MOVQ	R12, BX
	TESTQ	R13, R13
	JZ	tell
	MOVL	$13, AX          // EACCES
	MOVQ	R13, BX

tell:
	SUBQ	first+24(FP), BX
	SHRQ	$6, BX
	SHLQ	$16, BX
	SHLQ	$32, AX
	ORQ	AX, BX
	ORQ	$0x45, BX        // E, NUL
	MOVQ	BX, 0(SP)
	MOVQ	hs+40(FP), DI
	MOVQ	SP, SI
	MOVL	$8, DX
	MOVL	$1, AX           // write
	SYSCALL

exit:
	MOVL	$111, DI
	MOVL	$231, AX         // exit_group
	SYSCALL
	JMP	exit

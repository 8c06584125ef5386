#include "textflag.h"

// func(signo int32) in the C convention, called by the kernel. The kernel
// restores every register when it returns.
TEXT shimSignal<>(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	LEAQ	·signalled(SB), AX
	MOVL	DI, CX
	MOVL	$1, (AX)(CX*4)
	MOVL	·signalWake(SB), DI
	LEAQ	·signalOne(SB), SI
	MOVL	$8, DX
	MOVL	$1, AX // write
	SYSCALL
	RET

TEXT shimRestore<>(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	MOVL	$15, AX // rt_sigreturn
	SYSCALL
	INT	$3 // not reached

// func signalHandler() uintptr
TEXT ·signalHandler(SB), NOSPLIT, $0-8
	LEAQ	shimSignal<>(SB), AX
	MOVQ	AX, ret+0(FP)
	RET

// func signalRestorer() uintptr
TEXT ·signalRestorer(SB), NOSPLIT, $0-8
	LEAQ	shimRestore<>(SB), AX
	MOVQ	AX, ret+0(FP)
	RET

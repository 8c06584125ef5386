#include "textflag.h"

// func(signo int32) in the C convention, called by the kernel. The link
// register holds the way back to the kernel, which restores every register.
TEXT shimSignal<>(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	MOVD	$·signalled(SB), R1
	MOVW	$1, R2
	MOVW	R2, (R1)(R0<<2)
	MOVW	·signalWake(SB), R0
	MOVD	$·signalOne(SB), R1
	MOVD	$8, R2
	MOVD	$64, R8 // write
	SVC
	RET

// func signalHandler() uintptr
TEXT ·signalHandler(SB), NOSPLIT, $0-8
	MOVD	$shimSignal<>(SB), R0
	MOVD	R0, ret+0(FP)
	RET

// func signalRestorer() uintptr
TEXT ·signalRestorer(SB), NOSPLIT, $0-8
	MOVD	ZR, ret+0(FP)
	RET

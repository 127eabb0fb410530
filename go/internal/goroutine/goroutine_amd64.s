#include "textflag.h"

// func Current() uintptr
TEXT ·Current(SB), NOSPLIT, $0-8
	MOVQ	(TLS), AX
	MOVQ	AX, ret+0(FP)
	RET

// func find() (locate, start, end uintptr)
TEXT ·find(SB), NOSPLIT, $0-24
	LEAQ	locate<>(SB), AX
	MOVQ	AX, locate+0(FP)
	MOVQ	$0, start+8(FP)
	MOVQ	$0, end+16(FP)
	RET

// A C function: it returns in AX, changes no other register and needs no stack. The goroutine is in the thread's storage,
// as R14 is used for other things in assembly.
TEXT locate<>(SB), NOSPLIT|NOFRAME, $0-0
	MOVQ	(TLS), AX
	RET

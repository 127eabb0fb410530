#include "textflag.h"

// func Current() uintptr
TEXT ·Current(SB), NOSPLIT, $0-8
	MOVD	g, R0
	MOVD	R0, ret+0(FP)
	RET

// func find() (locate, start, end uintptr)
TEXT ·find(SB), NOSPLIT, $0-24
	MOVD	ZR, locate+0(FP)
	MOVD	$runtime·text(SB), R0
	MOVD	R0, start+8(FP)
	MOVD	$runtime·etext(SB), R0
	MOVD	R0, end+16(FP)
	RET

//go:build amd64 && !purego

#include "go_asm.h"
#include "textflag.h"

DATA numbers<>+0(SB)/4, $0x7f7fffff // the largest
DATA numbers<>+4(SB)/4, $0x4b400000 // shift
DATA numbers<>+8(SB)/4, $0x7fffffff // all bits but the sign's
DATA numbers<>+12(SB)/4, $0x3f800000 // 1
DATA numbers<>+16(SB)/4, $0xc2000000 // −32
DATA numbers<>+20(SB)/4, $0x41f80000 // 31
GLOBL numbers<>(SB), RODATA|NOPTR, $24

// func tryAVX2(a *affine)
//
// A register holds a number of each of the eight parts: every part has the operations of tryGo, in its order.
TEXT ·tryAVX2(SB), NOSPLIT, $0-8
	MOVQ a+0(FP), DI
	MOVQ affine_n(DI), CX
	SHLQ $5, CX

	// inverse = steps/(high − low), 0 if it is infinite
	VMOVUPS affine_low(DI), Y0
	VMOVUPS affine_high(DI), Y1
	VSUBPS Y0, Y1, Y1
	VBROADCASTSS affine_steps(DI), Y2
	VDIVPS Y1, Y2, Y1
	VBROADCASTSS numbers<>+0(SB), Y2
	VCMPPS $18, Y2, Y1, Y2 // ≤
	VANDPS Y2, Y1, Y1

	// q and its sums
	VBROADCASTSS affine_top(DI), Y2
	VBROADCASTSS numbers<>+4(SB), Y3
	VXORPS Y4, Y4, Y4
	VXORPS Y5, Y5, Y5 // w·q
	VXORPS Y6, Y6, Y6 // w·q²
	VXORPS Y7, Y7, Y7 // w·q·x
	XORQ AX, AX

round:
	VMOVUPS affine_x(DI)(AX*1), Y8
	VSUBPS Y0, Y8, Y9
	VMULPS Y1, Y9, Y9
	VADDPS Y3, Y9, Y9
	VSUBPS Y3, Y9, Y9
	VMAXPS Y4, Y9, Y9 // 0 for no number
	VMINPS Y2, Y9, Y9
	VMOVUPS Y9, affine_other(DI)(AX*1)
	VMULPS affine_w(DI)(AX*1), Y9, Y10
	VADDPS Y10, Y5, Y5
	VMULPS Y9, Y10, Y11
	VADDPS Y11, Y6, Y6
	VMULPS Y8, Y10, Y11
	VADDPS Y11, Y7, Y7
	ADDQ $32, AX
	CMPQ AX, CX
	JLT round

	// the d and low of the least squares, with low ≤ 0
	VMOVUPS affine_sumW(DI), Y8
	VMOVUPS affine_sumX(DI), Y9
	VMULPS Y6, Y8, Y10
	VMULPS Y5, Y5, Y11
	VSUBPS Y11, Y10, Y10 // det
	VMULPS Y7, Y8, Y11
	VMULPS Y5, Y9, Y12
	VSUBPS Y12, Y11, Y11
	VDIVPS Y10, Y11, Y11 // d
	VMULPS Y9, Y6, Y12
	VMULPS Y7, Y5, Y13
	VSUBPS Y13, Y12, Y12
	VDIVPS Y10, Y12, Y12 // low
	VCMPPS $30, Y4, Y12, Y13 // >
	VDIVPS Y6, Y7, Y14
	VBLENDVPS Y13, Y14, Y11, Y11
	VANDNPS Y12, Y13, Y12
	VCMPPS $30, Y4, Y10, Y10

	// the weighted error
	VXORPS Y5, Y5, Y5
	VBROADCASTSS numbers<>+8(SB), Y6
	VBROADCASTSS affine_absolute(DI), Y7
	VBROADCASTSS numbers<>+12(SB), Y8
	XORQ AX, AX

error:
	VMULPS affine_other(DI)(AX*1), Y11, Y9
	VADDPS Y12, Y9, Y9
	VSUBPS affine_x(DI)(AX*1), Y9, Y9
	VANDPS Y6, Y9, Y9
	VBLENDVPS Y7, Y8, Y9, Y13
	VMULPS Y13, Y9, Y9
	VMULPS affine_w(DI)(AX*1), Y9, Y9
	VADDPS Y9, Y5, Y5
	ADDQ $32, AX
	CMPQ AX, CX
	JLT error

	// what is better stays
	VMOVUPS affine_miss(DI), Y9
	VCMPPS $17, Y9, Y5, Y13 // <
	VANDPS Y10, Y13, Y13
	VMOVMSKPS Y13, AX
	TESTL AX, AX
	JEQ done
	VBLENDVPS Y13, Y5, Y9, Y9
	VMOVUPS Y9, affine_miss(DI)
	VMOVUPS affine_d(DI), Y9
	VBLENDVPS Y13, Y11, Y9, Y9
	VMOVUPS Y9, affine_d(DI)
	VBLENDVPS Y13, Y12, Y0, Y0
	VMOVUPS Y0, affine_low(DI)
	XORQ AX, AX

keep:
	VMOVUPS affine_other(DI)(AX*1), Y9
	VMASKMOVPS Y9, Y13, affine_q(DI)(AX*1)
	ADDQ $32, AX
	CMPQ AX, CX
	JLT keep

done:
	VZEROUPPER
	RET

// func scanAVX2(s *symmetric)
//
// A register holds a number of each of the eight parts: every part has the operations of tryGo, in its order.
TEXT ·scanAVX2(SB), NOSPLIT, $0-8
	MOVQ s+0(FP), DI
	MOVQ $512, CX

	// q and its sums
	VBROADCASTSS symmetric_steps(DI), Y0
	VDIVPS symmetric_extreme(DI), Y0, Y0
	VBROADCASTSS numbers<>+4(SB), Y1
	VBROADCASTSS numbers<>+16(SB), Y2
	VBROADCASTSS numbers<>+20(SB), Y3
	VXORPS Y4, Y4, Y4
	VXORPS Y5, Y5, Y5 // x²·q·x
	VXORPS Y6, Y6, Y6 // x²·q²
	XORQ AX, AX

scan:
	VMOVUPS symmetric_x(DI)(AX*1), Y7
	VMULPS Y0, Y7, Y8
	VADDPS Y1, Y8, Y8
	VSUBPS Y1, Y8, Y8
	VMAXPS Y2, Y8, Y8 // −32 for no number
	VMINPS Y3, Y8, Y8
	VMOVUPS Y8, symmetric_other(DI)(AX*1)
	VMULPS Y7, Y7, Y9
	VMULPS Y7, Y9, Y10
	VMULPS Y8, Y10, Y10
	VADDPS Y10, Y5, Y5
	VMULPS Y8, Y9, Y10
	VMULPS Y8, Y10, Y10
	VADDPS Y10, Y6, Y6
	ADDQ $32, AX
	CMPQ AX, CX
	JLT scan

	// what is better stays
	VMOVUPS symmetric_gain(DI), Y7
	VMULPS Y5, Y5, Y8
	VMULPS Y6, Y7, Y9
	VCMPPS $30, Y9, Y8, Y8 // >
	VCMPPS $30, Y4, Y6, Y9
	VANDPS Y9, Y8, Y8
	VMOVMSKPS Y8, AX
	TESTL AX, AX
	JEQ done
	VDIVPS Y6, Y5, Y9
	VMULPS Y5, Y9, Y10
	VBLENDVPS Y8, Y10, Y7, Y7
	VMOVUPS Y7, symmetric_gain(DI)
	VMOVUPS symmetric_d(DI), Y7
	VBLENDVPS Y8, Y9, Y7, Y7
	VMOVUPS Y7, symmetric_d(DI)
	XORQ AX, AX

keep:
	VMOVUPS symmetric_other(DI)(AX*1), Y9
	VMASKMOVPS Y9, Y8, symmetric_q(DI)(AX*1)
	ADDQ $32, AX
	CMPQ AX, CX
	JLT keep

done:
	VZEROUPPER
	RET

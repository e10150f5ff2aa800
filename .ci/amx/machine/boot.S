# A multiboot program that turns on 64 bits, vectors and tile registers, and calls run.
.set magic, 0x1badb002
.section .multiboot, "a"
.align 4
.long magic, 0, -magic

.text
.code32
.globl start
start:
	cli
	mov $stack, %esp
	mov $tables, %edi		# one table each of levels 4 and 3, one of level 2: the first GiB in pages of 2 MiB
	lea 0x1003(%edi), %eax
	mov %eax, (%edi)
	lea 0x2003(%edi), %eax
	mov %eax, 0x1000(%edi)
	lea 0x2000(%edi), %edi
	mov $0x83, %eax
1:	mov %eax, (%edi)
	add $0x200000, %eax
	add $8, %edi
	cmp $0x40000083, %eax
	jne 1b
	mov $tables, %eax
	mov %eax, %cr3
	mov $0x40620, %eax		# PAE, OSFXSR, OSXMMEXCPT, OSXSAVE
	mov %eax, %cr4
	mov $0xc0000080, %ecx
	rdmsr
	or $0x100, %eax
	wrmsr
	mov $0x80000013, %eax		# paging, protection, MP; no emulation
	mov %eax, %cr0
	lgdt gdt
	ljmp $8, $long
.code64
long:
	mov $16, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov $stack, %esp
	xor %ecx, %ecx
	xor %edx, %edx
	mov $0x600e7, %eax		# x87, SSE, AVX, AVX-512, tiles
	xsetbv
	call run
1:	hlt
	jmp 1b

# call_kernel(address, argument): as Go's assembly is called, which keeps no register.
.globl call_kernel
call_kernel:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	push %rsi
	call *%rdi
	pop %rsi
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret

.data
.align 8
gdt:	.word 23
	.quad 1f
.align 8
1:	.quad 0, 0x00af9a000000ffff, 0x00cf92000000ffff
.globl file
.align 8
file:	.incbin "calls"
.bss
.align 4096
tables:	.skip 0x3000
	.skip 0x10000
stack:

/* SPDX-License-Identifier: Apache-2.0 */
/* The switch for x86-64 (System V ABI): rbx, rbp, r12 to r15 and the stack pointer.
 *
 * It returns to a caller other than its own, so it is not marked as compatible with shadow stacks,
 * and the linker disables them. It returns by a jump, since the processor predicts a `ret` from the
 * calls it has seen, which would always be wrong (20 ns instead of 26 for a start and an end). */

#if defined(__x86_64__) && !defined(WEIR_FIBER_UCONTEXT)

        .text

/* void fiber_context_switch(struct fiber_context *from, struct fiber_context *to) */
        .globl  fiber_context_switch
        .hidden fiber_context_switch
        .type   fiber_context_switch, @function
        .p2align 4
fiber_context_switch:
        .cfi_startproc
        endbr64
        pushq   %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbp, 0
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbx, 0
        pushq   %r12
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r12, 0
        pushq   %r13
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r13, 0
        pushq   %r14
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r14, 0
        pushq   %r15
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r15, 0
        movq    %rsp, (%rdi)
        movq    (%rsi), %rsp
        popq    %r15
        .cfi_adjust_cfa_offset -8
        .cfi_same_value %r15
        popq    %r14
        .cfi_adjust_cfa_offset -8
        .cfi_same_value %r14
        popq    %r13
        .cfi_adjust_cfa_offset -8
        .cfi_same_value %r13
        popq    %r12
        .cfi_adjust_cfa_offset -8
        .cfi_same_value %r12
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        .cfi_same_value %rbx
        popq    %rbp
        .cfi_adjust_cfa_offset -8
        .cfi_same_value %rbp
        popq    %rcx
        .cfi_adjust_cfa_offset -8
        .cfi_register %rip, %rcx
        notrack jmp *%rcx
        .cfi_endproc
        .size   fiber_context_switch, . - fiber_context_switch

/* Bottom of a new stack: r12 holds the entry, r13 its argument. Debuggers stop here. */
        .globl  fiber_context_enter
        .hidden fiber_context_enter
        .type   fiber_context_enter, @function
        .p2align 4
fiber_context_enter:
        .cfi_startproc
        .cfi_undefined %rip
        endbr64
        subq    $8, %rsp        /* a multiple of 16 at the call (System V ABI, 3.2.2) */
        movq    %r13, %rdi
        call    *%r12
        ud2
        .cfi_endproc
        .size   fiber_context_enter, . - fiber_context_enter

#endif

/* Targets of indirect jumps are marked (GNU_PROPERTY_X86_FEATURE_1_AND: IBT). */
#if defined(__x86_64__)
        .section .note.gnu.property, "a", @note
        .p2align 3
        .long   4, 16, 5
        .asciz  "GNU"
        .long   0xc0000002, 4, 1, 0
#endif

        .section .note.GNU-stack, "", @progbits

/* SPDX-License-Identifier: Apache-2.0 */
/* The switch for arm64 (AAPCS64, 6.1): x19 to x30, d8 to d15 and the stack pointer. */

#if defined(__aarch64__) && !defined(WEIR_FIBER_UCONTEXT)

        .text

/* void fiber_context_switch(struct fiber_context *from, struct fiber_context *to) */
        .globl  fiber_context_switch
        .hidden fiber_context_switch
        .type   fiber_context_switch, %function
        .p2align 4
fiber_context_switch:
        .cfi_startproc
        hint    #34             /* bti c */
        sub     sp, sp, #160
        .cfi_adjust_cfa_offset 160
        stp     x19, x20, [sp, #0]
        stp     x21, x22, [sp, #16]
        stp     x23, x24, [sp, #32]
        stp     x25, x26, [sp, #48]
        stp     x27, x28, [sp, #64]
        stp     x29, x30, [sp, #80]
        .cfi_rel_offset x29, 80
        .cfi_rel_offset x30, 88
        stp     d8, d9, [sp, #96]
        stp     d10, d11, [sp, #112]
        stp     d12, d13, [sp, #128]
        stp     d14, d15, [sp, #144]
        mov     x9, sp
        str     x9, [x0]
        ldr     x9, [x1]
        mov     sp, x9
        ldp     x19, x20, [sp, #0]
        ldp     x21, x22, [sp, #16]
        ldp     x23, x24, [sp, #32]
        ldp     x25, x26, [sp, #48]
        ldp     x27, x28, [sp, #64]
        ldp     x29, x30, [sp, #80]
        ldp     d8, d9, [sp, #96]
        ldp     d10, d11, [sp, #112]
        ldp     d12, d13, [sp, #128]
        ldp     d14, d15, [sp, #144]
        add     sp, sp, #160
        .cfi_adjust_cfa_offset -160
        ret
        .cfi_endproc
        .size   fiber_context_switch, . - fiber_context_switch

/* Bottom of a new stack: x19 holds the entry, x20 its argument. Debuggers stop here. */
        .globl  fiber_context_enter
        .hidden fiber_context_enter
        .type   fiber_context_enter, %function
        .p2align 4
fiber_context_enter:
        .cfi_startproc
        .cfi_undefined x30
        hint    #36             /* bti j */
        mov     x0, x20
        mov     x30, #0
        blr     x19
        brk     #1
        .cfi_endproc
        .size   fiber_context_enter, . - fiber_context_enter

#endif

/* Targets of indirect jumps are marked (GNU_PROPERTY_AARCH64_FEATURE_1_AND: BTI). */
#if defined(__aarch64__)
        .section .note.gnu.property, "a", %note
        .p2align 3
        .word   4, 16, 5
        .asciz  "GNU"
        .word   0xc0000000, 4, 1, 0
#endif

        .section .note.GNU-stack, "", %progbits

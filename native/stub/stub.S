// The one piece of code that Godwit maps into other processes. Position-independent, uses no stack, touches nothing
// but its own scratch memory (layout: ops.h). Its parts:
//
//   godwit_stub_shell  interprets operations, then int3: the agent, which traces the shell, gets a stop.
//   godwit_stub_live   interprets operations, says so in the handshake, waits to be stopped, then cures itself.
//   godwit_first       makes one system call in a live process, from the tail of its vdso, then cures itself; or three that give
//                      it memory that the agent can open without a capability.
// The cure puts back the signal mask and every register of the thread, and jumps to where it was: an agent that is
// killed at any instruction leaves a thread that runs on.
//
// In:  r12 = base of the program, r13 = number of operations.
// Out: r14 = operations executed, or the index of the one that failed.
// Interpreter: rbx = the operation, r15 = its flags. `syscall` clobbers rcx and r11 only.

        .intel_syntax noprefix
        .section .rodata.godwit_stub, "a", @progbits
        .globl godwit_stub_begin, godwit_stub_end, godwit_stub_shell, godwit_stub_live, godwit_stub_pause
        .globl godwit_first_begin, godwit_first_name, godwit_first_data, godwit_first_end
        .hidden godwit_stub_begin, godwit_stub_end, godwit_stub_shell, godwit_stub_live, godwit_stub_pause
        .hidden godwit_first_begin, godwit_first_name, godwit_first_data, godwit_first_end

.macro INTERPRET name
        xor     r14d, r14d
\name\()_next:
        cmp     r14, r13
        jae     \name\()_end
        mov     rbx, r14
        shl     rbx, 6
        add     rbx, r12
        mov     r15d, dword ptr [rbx + 4]
        xor     ecx, ecx
\name\()_arg:                                   // resolves argument rcx in place
        mov     rdx, qword ptr [rbx + 8 + rcx * 8]
        bt      r15d, ecx
        jnc     1f
        shl     rdx, 6                          // the result of an earlier operation
        mov     rdx, qword ptr [r12 + rdx + 56]
1:      lea     esi, [rcx + 8]
        bt      r15d, esi
        jnc     2f
        add     rdx, r12                        // an offset into the program
2:      mov     qword ptr [rbx + 8 + rcx * 8], rdx
        inc     ecx
        cmp     ecx, 6
        jb      \name\()_arg
        mov     eax, dword ptr [rbx]
        mov     rdi, qword ptr [rbx + 8]
        mov     rsi, qword ptr [rbx + 16]
        mov     rdx, qword ptr [rbx + 24]
        mov     r10, qword ptr [rbx + 32]
        mov     r8, qword ptr [rbx + 40]
        mov     r9, qword ptr [rbx + 48]
        syscall
        mov     qword ptr [rbx + 56], rax
        cmp     rax, -4095
        jb      3f
        bt      r15d, 16
        jnc     \name\()_end
3:      inc     r14
        jmp     \name\()_next
\name\()_end:
.endm

// Puts back what `data` (struct Cure) holds. No stack: flags go by sahf and an addition that overflows. A signal that
// rt_sigprocmask lets in finds the thread's own stack pointer, which nothing here changes.
.macro CURE data
        mov     eax, 14                         // rt_sigprocmask(SIG_SETMASK, &mask, 0, 8)
        mov     edi, 2
        lea     rsi, [rip + \data]
        xor     edx, edx
        mov     r10d, 8
        syscall
        mov     r15, qword ptr [rip + \data + 16]
        mov     r14, qword ptr [rip + \data + 24]
        mov     r13, qword ptr [rip + \data + 32]
        mov     r12, qword ptr [rip + \data + 40]
        mov     rbp, qword ptr [rip + \data + 48]
        mov     rbx, qword ptr [rip + \data + 56]
        mov     r11, qword ptr [rip + \data + 64]
        mov     r10, qword ptr [rip + \data + 72]
        mov     r9, qword ptr [rip + \data + 80]
        mov     r8, qword ptr [rip + \data + 88]
        mov     rcx, qword ptr [rip + \data + 104]
        mov     rdx, qword ptr [rip + \data + 112]
        mov     rsi, qword ptr [rip + \data + 120]
        mov     rdi, qword ptr [rip + \data + 128]
        mov     rsp, qword ptr [rip + \data + 144]
        mov     rax, qword ptr [rip + \data + 8]
        add     al, 0x7f                        // overflow flag
        sahf                                    // sign, zero, adjust, parity, carry
        mov     rax, qword ptr [rip + \data + 96]
        jmp     qword ptr [rip + \data + 136]
.endm

        .p2align 6
godwit_stub_begin:
godwit_stub_shell:
        INTERPRET shell
        int3
        .p2align 4, 0xcc
godwit_stub_live:
        INTERPRET live
        // The agent polls `done`, then interrupts. Waiting must not touch the thread's restart block, for the system call
        // that it was stopped in may have to go on by restart_syscall(2): of the timed sleeps ppoll(2) leaves it alone
        // (fs/select.c). sched_yield(2) is none to wait with: since Linux 6.18 each call forfeits a slice, so that a
        // thread among busy ones of its own process came late to its stop by seconds.
        mov     dword ptr [rip + godwit_stub_begin + 0x800], 1
        // Nor may many that wait be a load: 32 that looked up every 200 us kept their agent from two CPUs for seconds. An interrupt
        // ends the sleep at once; only the keeper's word has to wait for its end.
        mov     r13d, 2500                      // 12 s: far longer than an agent needs, and an end if nobody is left; the
                                                // keeper ends it when the agent dies
        mov     ecx, dword ptr [rip + godwit_stub_begin + 0x818]
        inc     ecx
2:      cmp     dword ptr [rip + godwit_stub_begin + 0x804], 0
        jne     godwit_cure
        pause
        dec     ecx
        jnz     2b
godwit_stub_pause:
        mov     qword ptr [rip + godwit_stub_begin + 0x808], 0
        mov     qword ptr [rip + godwit_stub_begin + 0x810], 5000000
        xor     edi, edi                        // ppoll(0, 0, {0, 5 ms}, 0, 8); it writes into the time
        xor     esi, esi
        lea     rdx, [rip + godwit_stub_begin + 0x808]
        xor     r10d, r10d
        mov     r8d, 8
        mov     eax, 271
        syscall
        cmp     dword ptr [rip + godwit_stub_begin + 0x804], 0
        jne     godwit_cure
        dec     r13d
        jnz     godwit_stub_pause
        .p2align 4, 0x90
godwit_cure:
        CURE    godwit_cure_data
        .org    godwit_stub_begin + 0x400, 0xcc
godwit_cure_data:
        .fill   19, 8, 0
godwit_stub_end:

// The first system call of a live process, before it has scratch memory: copied, with what it puts back behind it,
// into the zero tail of the process's vdso.
// In:  as a system call has it. r12 = 0; or, when the call is memfd_create, the bytes to be mapped of the new file, at r13 if
// nothing is there, whose descriptor is closed again at once: the agent takes its own copy between the calls, and one that dies there leaves no descriptor.
        .p2align 4, 0xcc
godwit_first_begin:
        syscall
        test    r12, r12
        jz      1f
        test    eax, eax
        js      1f
        mov     ebx, eax
        mov     rdi, r13                        // mmap(r13, r12, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED, fd, 0)
        mov     rsi, r12
        mov     edx, 7
        mov     r10d, 1
        mov     r8d, ebx
        xor     r9d, r9d
        mov     eax, 9
        syscall
        mov     edi, ebx
        mov     eax, 3                          // close(fd)
        syscall
1:      CURE    godwit_first_data
godwit_first_name:
        .asciz  "godwit"
        .p2align 3, 0xcc
godwit_first_data:
        .fill   19, 8, 0
godwit_first_end:

        .section .note.GNU-stack, "", @progbits

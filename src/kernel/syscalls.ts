// Numbers of the x86-64 system calls that programs use (asm/unistd_64.h).

export const syscalls = {
  read: 0, write: 1, open: 2, close: 3, poll: 7, lseek: 8, mmap: 9, mprotect: 10, munmap: 11, brk: 12,
  rt_sigaction: 13, rt_sigprocmask: 14, ioctl: 16, pread64: 17, pwrite64: 18, sched_yield: 24, mremap: 25, madvise: 28,
  shmget: 29, shmat: 30, shmctl: 31,  dup: 32, dup2: 33, pause: 34, nanosleep: 35, getitimer: 36, setitimer: 38, getpid: 39, socket: 41, connect: 42, accept: 43,
  sendto: 44, recvfrom: 45, sendmsg: 46, recvmsg: 47, shutdown: 48, bind: 49, listen: 50, getsockname: 51,
  getpeername: 52, socketpair: 53, setsockopt: 54, getsockopt: 55, clone: 56, vfork: 58, exit: 60, wait4: 61, kill: 62,
  semget: 64, semop: 65, semctl: 66, shmdt: 67, msgget: 68, msgsnd: 69, msgrcv: 70, msgctl: 71, fcntl: 72, flock: 73,
  ftruncate: 77, chdir: 80, fchdir: 81, rename: 82, unlink: 87, chmod: 90, fchmod: 91,
  chown: 92, fchown: 93, umask: 95, ptrace: 101, setpgid: 109, setsid: 112,
  setgroups: 116, setresuid: 117, setresgid: 119, getpgid: 121, setfsuid: 122, setfsgid: 123, getsid: 124, capget: 125, capset: 126,
  rt_sigpending: 127, rt_sigtimedwait: 128, rt_sigqueueinfo: 129, sigaltstack: 131, personality: 135, setpriority: 141,
  sched_setparam: 142, sched_setscheduler: 144, mlock: 149, prctl: 157, arch_prctl: 158, setrlimit: 160, chroot: 161,
  gettid: 186, futex: 202, sched_setaffinity: 203, sched_getaffinity: 204, io_setup: 206, io_destroy: 207,
  epoll_create: 213, set_tid_address: 218, restart_syscall: 219, semtimedop: 220, timer_create: 222, timer_settime: 223,
  timer_gettime: 224, timer_getoverrun: 225, timer_delete: 226, clock_gettime: 228, clock_nanosleep: 230,
  exit_group: 231, epoll_wait: 232, epoll_ctl: 233, tgkill: 234, mq_open: 240, mq_unlink: 241, mq_timedsend: 242, mq_notify: 244,
  mq_getsetattr: 245, waitid: 247, ioprio_set: 251, ioprio_get: 252, inotify_add_watch: 254, inotify_rm_watch: 255, openat: 257,
  mkdirat: 258, unlinkat: 263, pselect6: 270, ppoll: 271, unshare: 272, set_robust_list: 273, get_robust_list: 274, splice: 275, tee: 276,
  utimensat: 280, epoll_pwait: 281, signalfd4: 289, eventfd2: 290, epoll_create1: 291, timerfd_create: 283, timerfd_settime: 286,
  timerfd_gettime: 287, dup3: 292, pipe2: 293, inotify_init1: 294, rt_tgsigqueueinfo: 297, fanotify_init: 300, fanotify_mark: 301, prlimit64: 302,
  open_by_handle_at: 304, setns: 308, kcmp: 312, sched_setattr: 314,
  sched_getattr: 315, renameat2: 316, seccomp: 317, memfd_create: 319, userfaultfd: 323, membarrier: 324, mlock2: 325, pkey_mprotect: 329, pkey_alloc: 330,
  pkey_free: 331, rseq: 334,
  pidfd_send_signal: 424, pidfd_open: 434, clone3: 435, close_range: 436, openat2: 437, pidfd_getfd: 438, faccessat2: 439,
  process_madvise: 440, epoll_pwait2: 441, mseal: 462,
} as const; // prettier-ignore

export type SyscallName = keyof typeof syscalls;

// Seccomp filters of a process: each program once, and which of them judge the calls of each thread.
import * as z from 'zod';
import { bytes, index, list, pid } from './scalars.ts';

/** BPF_MAXINSNS (linux/bpf_common.h) instructions of 8 bytes. */
const maxProgram = 4096 * 8;
/** The kernel bounds the instructions of all filters of a thread, MAX_INSNS_PER_PATH in kernel/seccomp.c: far fewer fit. */
const maxFilters = 8192;

export const seccompSchema = z.strictObject({
  filters: list(
    z.strictObject({
      /** struct sock_filter, 8 bytes each. */
      program: bytes(maxProgram),
      /** SECCOMP_FILTER_FLAG_LOG */
      log: z.boolean(),
    }),
    maxFilters,
  ),
  /** Indices of filters, the oldest first. Threads without filters are not named. */
  threads: list(z.strictObject({ tid: pid, filters: list(index, maxFilters) }), 100_000),
});
export type Seccomp = z.infer<typeof seccompSchema>;

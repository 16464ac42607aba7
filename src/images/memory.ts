// Address spaces: what is mapped where, and from what. Page contents travel in page frames, not here.
import * as z from 'zod';
import { address, bytes, index, list, pageAligned, path, u32, u64 } from './scalars.ts';
import { segmentSchema } from './sysv.ts';

/** What makes a file the same file on another host (design: same storage, or same size and hash). */
/** All of it, or its size, or nothing but its name. */
export const filePolicies = ['content', 'size', 'name'] as const;
export type FilePolicy = (typeof filePolicies)[number];

export const fileIdentitySchema = z.strictObject({
  path,
  size: z.number().int().min(0),
  /** Milliseconds since the epoch, with fraction. */
  mtimeMs: z.number(),
  dev: u64,
  ino: u64,
  /** XXH3-64 of the content; absent for what the tree may write. */
  hash: u64.optional(),
  /** Opened or mapped so that the tree can write to it: then only the same storage will do. */
  written: z.boolean().default(false),
  /** What has to be the same here (--file-policy), of what the tree does not write. */
  compare: z.enum(filePolicies).default('content'),
  /** Lies on storage that no other host can have mounted (by the kind of its file system). */
  ownStorage: z.boolean().default(false),
});
export type FileIdentity = z.infer<typeof fileIdentitySchema>;

/** 2 MiB, 1 GiB: a power of two. */
export const hugePageSize = z
  .number()
  .int()
  .min(8192)
  .max(2 ** 34)
  .refine((bytes) => Number.isInteger(Math.log2(bytes)), 'no power of two');

/** What no file system names: MAP_SHARED|MAP_ANONYMOUS, a memfd, a System V segment, or a file that was deleted while it is open. */
export const sharedObjectSchema = z.strictObject({
  id: index,
  kind: z.enum(['anonymous', 'memfd', 'nameless', 'sysv']),
  /** Bytes. */
  size: z.number().int().min(0),
  /** memfd: its name without "memfd:". */
  name: z.string().max(249).default(''),
  /** memfd: F_SEAL_* and MFD_* that matter. */
  seals: u32.default(0),
  /** nameless: where the file was, and what belongs to it. */
  place: z
    .strictObject({ directory: path, mode: z.number().int().min(0).max(0o7777), uid: u32, gid: u32 })
    .optional(),
  sysv: segmentSchema.optional(),
  /** Bytes of the reserved huge pages that it is made of (hugetlb). */
  hugePage: hugePageSize.optional(),
});
export type SharedObject = z.infer<typeof sharedObjectSchema>;

/** zero: private memory under the name of /dev/zero. */
export const mappingKinds = [
  'anonymous',
  'file',
  'object',
  'zero',
  'vdso',
  'vvar',
  'vvar_vclock',
  'aio',
] as const;

/** One VMA. Protection as PROT_* bits. */
export const mappingSchema = z.strictObject({
  start: pageAligned,
  end: pageAligned,
  protection: z.number().int().min(0).max(7),
  shared: z.boolean(),
  kind: z.enum(mappingKinds),
  /** file: index into layout.files; object: id of the shared object. */
  source: index.optional(),
  /** Bytes into the file or object. */
  offset: z.number().int().min(0).default(0),
  growsDown: z.boolean().default(false),
  noReserve: z.boolean().default(false),
  /** VM_LOCKED; restored by mlock after the pages are there. */
  locked: z.boolean().default(false),
  lockOnFault: z.boolean().default(false),
  /** MADV_* values that set VM_ flags to be given again. */
  advice: list(z.number().int().min(0).max(255), 16).default([]),
  /** PR_SET_VMA_ANON_NAME. */
  name: z.string().max(80).optional(),
  /** file, shared: was it opened writable (VM_MAYWRITE)? */
  writable: z.boolean().default(false),
  /** Bytes of the reserved huge pages that it is made of (hugetlb). */
  hugePage: hugePageSize.optional(),
  /** aio: number of events io_setup(2) is to be asked for. */
  events: u32.optional(),
});
export type Mapping = z.infer<typeof mappingSchema>;

/** struct prctl_mm_map: what /proc/PID/{stat,cmdline,environ,auxv,exe} show. */
export const mmFieldsSchema = z.strictObject({
  startCode: address,
  endCode: address,
  startData: address,
  endData: address,
  startBrk: address,
  brk: address,
  startStack: address,
  argStart: address,
  argEnd: address,
  envStart: address,
  envEnd: address,
  auxv: bytes(1024),
  /** Index into layout.files. */
  exe: index.optional(),
  /** Instead: id of the shared object that holds an executable without a name. */
  exeObject: index.optional(),
});
export type MmFields = z.infer<typeof mmFieldsSchema>;

export const addressSpaceSchema = z.strictObject({
  /** PID of the process that owns it. */
  id: z.number().int().min(1),
  mappings: list(mappingSchema),
});
export type AddressSpace = z.infer<typeof addressSpaceSchema>;

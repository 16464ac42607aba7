// struct flock, as fcntl(2) takes it for F_SETLK and F_OFD_SETLK.

/** F_RDLCK, F_WRLCK, F_UNLCK: asm-generic/fcntl.h. */
const [readLock, writeLock, unlock] = [0, 1, 2];

export interface LockRange {
  readonly write: boolean;
  readonly start: bigint;
  /** 0: to the end of the file, however it grows. */
  readonly length: bigint;
}

/** A POSIX record lock that its process could not take yet. */
export interface LateRecord extends LockRange {
  /** The process, as the tree sees it. */
  readonly pid: number;
  /** A descriptor of the file in it. */
  readonly fd: number;
}

/** x86-64: type and whence (16 bits each), start and length at 8 and 16, pid at 24. `undefined`: unlocks the whole file. */
export function structFlock(range: LockRange | undefined): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(32));
  view.setInt16(0, range === undefined ? unlock : range.write ? writeLock : readLock, true);
  view.setBigInt64(8, range?.start ?? 0n, true);
  view.setBigInt64(16, range?.length ?? 0n, true);
  return new Uint8Array(view.buffer);
}

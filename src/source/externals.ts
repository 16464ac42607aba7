// What operators say of the outside world (--external, --inherit-fd): connections and files whose other end stays behind, and what the
// tree gets in their place on the target.

export type Instead =
  /** The other end counts as closed: end of file to read, EPIPE to write. */
  | { readonly kind: 'closed' }
  /** A unix socket is connected to whoever has that name on the target: a path, or an abstract name with its leading zero byte. */
  | { readonly kind: 'connect'; readonly name: Uint8Array<ArrayBuffer> }
  /** A descriptor that `receive` was started with. */
  | { readonly kind: 'inherit'; readonly fd: number };

export interface External {
  /** As the operator wrote it. */
  readonly option: string;
  /** What /proc/PID/fd/N links to: "pipe:[123]", "/dev/pts/3". Of a unix socket that of either end. */
  readonly link: string;
  readonly instead: Instead;
}

/** What /proc/PID/fd/N links to. */
export const socketLink = (inode: number): string => `socket:[${inode}]`;

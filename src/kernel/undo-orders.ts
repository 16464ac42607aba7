// What a keeper is told to take back besides processes (native/keeper/undo.h).

/** A System V object, by what nobody else's can have in common with it. */
export interface SysvObject {
  readonly kind: 'shm' | 'sem' | 'msg';
  readonly id: number;
  /** As the kernel keeps it: signed. */
  readonly key: number;
}

/** A name on this host that is to go, or to go back. */
export type NameUndo =
  | { readonly kind: 'rename'; readonly from: string; readonly to: string }
  | { readonly kind: 'unlink'; readonly path: string }
  | { readonly kind: 'mqueue'; readonly name: string };

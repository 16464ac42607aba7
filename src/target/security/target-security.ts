// What a target asks of those who bring it trees.
import type { Identity } from './identity.ts';

export type TargetSecurity =
  | { readonly kind: 'plaintext' }
  /** Whoever has a key of this target's. */
  | {
      readonly kind: 'key';
      readonly identity: Identity;
      readonly uses: number | undefined;
      readonly expiresMs: number | undefined;
      readonly onKey: (key: string) => void;
    }
  /** Whoever has a certificate of this CA; of `allow`, where it is not empty, by its common name. PEM. */
  | {
      readonly kind: 'certificates';
      readonly identity: Identity;
      readonly ca: string;
      readonly allow: readonly string[];
    };

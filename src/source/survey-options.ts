// What the operator said that a check depends on.
import type { FilePolicy } from '../images/memory.ts';
import type { Requirements } from '../images/requirements.ts';
import type { External } from './externals.ts';
import type { MoveRequest } from './moving-addresses.ts';
import type { LinkRequest } from './network/outer-ends.ts';

export type PidNamespaceChoice = Requirements['pidNamespace'];

export interface SurveyOptions {
  /** --tcp-close: connections with others are dropped. */
  readonly tcpClose: boolean;
  /** --skip-in-flight: connections that wait to be accepted are dropped. */
  readonly skipInFlight: boolean;
  /** --move-ip: addresses that move along with the tree. */
  readonly moves: readonly MoveRequest[];
  /** --keep-connections: with the address that moves, or through this host, which forwards them for as long as they last. */
  readonly keepConnections: 'address' | 'forward';
  /** --link: where the other ends of the links of a tree with a network of its own go. */
  readonly links: readonly LinkRequest[];
  /** --external, --inherit-fd: what stays behind, and what the tree gets in its place. */
  readonly externals: readonly External[];
  /** --file-policy: how far files that the tree only reads have to be the same on the target. */
  readonly filePolicy: FilePolicy;
  /** Pages may come after the tree runs on the target. */
  readonly postCopy?: boolean;
  readonly pidNamespace: PidNamespaceChoice;
}

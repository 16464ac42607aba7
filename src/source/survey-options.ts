// What the operator said that a check depends on.
import type { Requirements } from '../images/requirements.ts';
import type { MoveRequest } from './moving-addresses.ts';

export type PidNamespaceChoice = Requirements['pidNamespace'];

export interface SurveyOptions {
  /** --tcp-close: connections with others are dropped. */
  readonly tcpClose: boolean;
  /** --skip-in-flight: connections that wait to be accepted are dropped. */
  readonly skipInFlight: boolean;
  /** --move-ip: addresses that move along with the tree. */
  readonly moves: readonly MoveRequest[];
  readonly pidNamespace: PidNamespaceChoice;
}

// What the operator said that a check depends on.
import type { Requirements } from '../images/requirements.ts';
import type { MoveRequest } from './moving-addresses.ts';

export type PidNamespaceChoice = Requirements['pidNamespace'];

export interface SurveyOptions {
  readonly tcpClose: boolean;
  readonly moves: readonly MoveRequest[];
  readonly pidNamespace: PidNamespaceChoice;
}

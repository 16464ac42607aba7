// What a landing begins with.
import type { Clocks, TreeLayout } from '../images/layout.ts';
import { thisAgent } from '../kernel/agent-record.ts';
import type { ClockReading } from '../kernel/clocks.ts';
import type { PageReceiver } from '../transport/page-receiver.ts';
import type { Arrival } from './forwarding/arrival.ts';
import type { TreeNetwork } from './network/tree-network.ts';
import type { PidNamespaceChoice } from './pid-namespace.ts';
import type { TargetContext } from './session.ts';
import type { Times } from './stopwatch.ts';

/** What a landing needs of its session. */
export type LandingContext = Pick<
  TargetContext,
  'migrationId' | 'hello' | 'signal' | 'log' | 'sessionHash'
> & {
  openPages(options: PageOptions): Pick<PageReceiver, 'applied' | 'close'>;
};
type PageOptions = Parameters<TargetContext['openPages']>[0];

export interface LandingPlan {
  readonly context: LandingContext;
  readonly sameKernel: boolean;
  readonly pidNamespace: PidNamespaceChoice;
  /** The first layout: it decides about namespaces. */
  readonly layout: TreeLayout;
  /** The tree's and this host's, read at one instant. */
  readonly clocks: { readonly source: Clocks; readonly here: ClockReading };
  /** The tree's own, in which this agent is. */
  readonly network?: TreeNetwork | undefined;
  /** Connections that are forwarded to this host. */
  readonly forwarding?: Arrival | undefined;
}

/** What it ends with. */
export interface Landed {
  readonly times: Times;
  /** performance.now() when the tree was let run. */
  readonly ranAt: number;
}

/** What the journal says first: who works on it, and whose session it is. */
export function stagingRecord(
  { sessionHash }: LandingContext,
  { root }: TreeLayout,
  newPidNamespace: boolean,
): Readonly<Record<string, unknown>> {
  return { root, agent: thisAgent(), newPidNamespace, session: sessionHash };
}

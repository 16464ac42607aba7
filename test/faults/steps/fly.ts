// One migration with one fault, and what became of it.
import { until } from '../../helpers/commands.ts';
import type { Host } from '../../helpers/host.ts';
import { faultsOf, hostOf, killAll, workersOf } from '../bed.ts';
import type { Bed } from '../bed.ts';
import type { Fault, Kind } from './plan.ts';
import { Relay } from './relay.ts';

export interface Verdict {
  /** What speaks against "exactly one copy runs, its memory intact, nothing left over". Empty is good. */
  readonly problems: readonly string[];
  readonly happened: boolean;
  readonly moved: boolean;
  /** The agent's exit, or the signal that ended it. */
  readonly exit: string;
  /** The documented command was needed. */
  readonly resolved: boolean;
}

/** Longer than either side's patience in the freeze, and while the tree runs. */
const stallMs = 25_000;
const flightMs = 150_000;

/** From where the tree is. Both hosts receive in plaintext. */
export async function flyWith(bed: Bed, fault: Fault): Promise<Verdict> {
  const from = hostOf(bed);
  const to = from === bed.a ? bed.b : bed.a;
  const port = to.receiver?.port ?? 0;
  let agent = 0;
  let happened = false;
  using relay = await Relay.start(bed.hosts.clientIp, { host: to.ip, port }, ({ from: side, type, when }) => {
    if (happened || side !== fault.from || type !== fault.type || when !== fault.when) return 'pass';
    happened = true;
    strike(fault.kind, { relay, agent, from, to });
    return fault.kind === 'send it twice' ? 'twice' : 'pass';
  });
  const args = from.migrateArgs(bed.counter.pid, to, ['--json']);
  const address = args.indexOf(to.receiver?.address ?? '');
  args[address] = `${bed.hosts.clientIp}:${relay.port}`;
  const flight = from.start(from.nodePath, args, { timeoutMs: flightMs });
  agent = await from.pidOf(flight);
  const { code, signal } = await flight.ended;
  let problems = await faultsOf(bed);
  let resolved = false;
  if (problems.length > 0) {
    resolved = await resolveBy(from, flight.stdout);
    if (resolved) problems = await faultsOf(bed);
  }
  const moved = hostOf(bed) !== from;
  // What scripts go by (docs/operations.md).
  const claimed: Readonly<Record<string, boolean>> = { 0: true, 1: false, 3: false };
  if (code !== null && claimed[code] === !moved)
    problems = [
      ...problems,
      `exit code ${code} says that it is ${moved ? 'here' : 'there'}: ${flight.stdout.slice(-500)}`,
    ];
  if (!moved) problems = [...problems, ...(await leftAtHome(bed, from))];
  return { problems, happened, moved, exit: String(code ?? signal), resolved };
}

interface Scene {
  readonly relay: Relay;
  readonly agent: number;
  readonly from: Host;
  readonly to: Host;
}

function strike(kind: Kind, { relay, agent, from, to }: Scene): void {
  const keeper = (host: Host, role: string): number[] =>
    host
      .processes()
      .filter(({ command }) => command.includes('godwit-keeper --role') && command.includes(`--role ${role}`))
      .map(({ outsidePid }) => outsidePid);
  switch (kind) {
    case 'kill the source':
      killAll([agent]);
      return;
    case 'kill the worker':
      killAll(workersOf(to));
      return;
    case 'kill both':
      killAll([agent, ...workersOf(to)]);
      return;
    case 'kill the source’s keeper':
      killAll(keeper(from, 'source'));
      return;
    case 'kill the target’s keeper':
      killAll(keeper(to, 'target'));
      return;
    case 'cut the link':
      relay.cut();
      return;
    case 'stall the link':
      relay.stall(stallMs);
      return;
    case 'send it twice':
  }
}

/** As an operator would (docs/operations.md). False: there is nothing to resolve. */
async function resolveBy(from: Host, stdout: string): Promise<boolean> {
  const [, id] = /migration ([0-9a-f-]{36})/.exec(stdout) ?? [];
  if (id === undefined) return false;
  const { code } = await from.godwit(['resolve', id, '--json']);
  return code === 0;
}

/** On the host that the tree did not leave. A keeper of an earlier arrival is its parent still. */
async function leftAtHome(bed: Bed, home: Host): Promise<string[]> {
  let left: string[] = [];
  const clean = async (): Promise<boolean> => {
    const found = await home.leftovers([bed.counter.pid]);
    left = found.filter((one) => /source|worker|--role source/.test(one));
    return left.length === 0;
  };
  await until('the source is clean', clean, 10_000, 100).catch(() => false);
  return left.map((one) => `left on its source: ${one}`);
}

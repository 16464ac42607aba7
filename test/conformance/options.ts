// What `npm run conformance` understands.
import { parseArgs } from 'node:util';

export const flavours = ['host', 'pidns', 'user', 'rootless'] as const;
/**
 * host: the PIDs are free on the target; pidns: they are taken, and a PID namespace is made; user: of a plain user; rootless: the agents
 * are a plain user's too.
 */
export type Flavour = (typeof flavours)[number];
/** Of these a smoke set is part of the tests; of `host` it is all. */
export const smokeFlavours = ['pidns', 'user', 'rootless'] as const satisfies readonly Flavour[];

export interface SuiteOptions {
  readonly flavour: Flavour;
  /** Part of "family workload variant", without regard to case. */
  readonly filter: string;
  readonly repeat: number;
  /** How many trees are in the air at a time. */
  readonly jobs: number;
}

export const usage =
  'usage: npm run conformance -- [--flavour host|pidns|user|rootless] [--filter TEXT] [--repeat N] [--jobs N]';

export function parseOptions(args: readonly string[]): SuiteOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      flavour: { type: 'string', default: 'host' },
      filter: { type: 'string', default: '' },
      repeat: { type: 'string', default: '1' },
      jobs: { type: 'string', default: '2' },
    },
  });
  const flavour = flavours.find((name) => name === values.flavour);
  if (flavour === undefined) throw new Error(`--flavour takes one of ${flavours.join(', ')}`);
  const count = (name: 'repeat' | 'jobs'): number => {
    const number = Number(values[name]);
    if (!Number.isInteger(number) || number < 1) throw new Error(`--${name} takes a whole number above 0`);
    return number;
  };
  return { flavour, filter: values.filter, repeat: count('repeat'), jobs: count('jobs') };
}

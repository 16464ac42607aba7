// `godwit estimate`: what moving a tree would be like, by watching it for some seconds. Nothing is moved.
import Table from 'cli-table3';
import prettyBytes from 'pretty-bytes';
import type { CommandModule } from 'yargs';
import { exitCodes, GodwitError } from '../errors.ts';
import { estimate, type Estimate } from '../source/estimate.ts';
import { trackerKinds, type TrackerKind } from '../source/trackers/tracker.ts';
import { Cancelling } from './cancelling.ts';
import { blockerTable } from './terminal.ts';
import { requirePid, treeOption } from './tree-option.ts';

interface EstimateArguments {
  readonly pid: number;
  readonly seconds: number;
  readonly tracker: 'auto' | TrackerKind;
  readonly 'max-downtime': number;
  readonly 'max-rounds': number;
  readonly json: boolean;
}

export const estimateCommand: CommandModule<object, EstimateArguments> = {
  command: 'estimate',
  describe: 'watch a tree, and say how long moving it would take and how long it would stand still',
  builder: (yargs) =>
    yargs
      .option('pid', { ...treeOption, demandOption: true })
      .option('seconds', { type: 'number', default: 5, describe: 'how long it is watched' })
      .option('tracker', {
        choices: ['auto', ...trackerKinds] as const,
        default: 'auto' as const,
        describe: 'as for migrate',
      })
      .option('max-downtime', { type: 'number', default: 50, describe: 'as for migrate' })
      .option('max-rounds', { type: 'number', default: 30, describe: 'as for migrate' })
      .option('json', { type: 'boolean', default: false, describe: 'answer as JSON' })
      .check(checkArguments),
  handler: async (args) => {
    using cancelling = new Cancelling();
    const outcome = await estimate({
      pid: args.pid,
      seconds: args.seconds,
      tracker: args.tracker,
      goals: {
        maxDowntimeMs: args['max-downtime'],
        maxRounds: args['max-rounds'],
        timeoutMs: undefined,
        onTimeout: 'force',
      },
      signal: cancelling.signal,
    });
    if ('blockers' in outcome) {
      const { blockers } = outcome;
      process.stdout.write(
        args.json
          ? `${JSON.stringify({ status: 'refused', 'exit-code': exitCodes.refused, blockers })}\n`
          : `${blockerTable(blockers)}\n`,
      );
      process.exitCode = exitCodes.refused;
    } else process.stdout.write(args.json ? `${JSON.stringify(toJson(outcome))}\n` : toText(outcome, args));
  },
};

function checkArguments(args: EstimateArguments): true {
  requirePid(args.pid);
  for (const name of ['seconds', 'max-downtime', 'max-rounds'] as const)
    if (!(args[name] > 0)) throw new GodwitError('USAGE', `--${name} takes a number above 0`);
  return true;
}

function toText(found: Estimate, { pid, 'max-downtime': goalMs }: EstimateArguments): string {
  const { size } = found;
  const rates = found.dirtyRates.map(
    ({ everyMs, bytesPerSecond }) => `${prettyBytes(bytesPerSecond)}/s looked at every ${everyMs} ms`,
  );
  const lines = [
    `process ${pid}: ${size.processes} processes, ${size.threads} threads, ${size.descriptors} descriptors, ${prettyBytes(found.bytes)} to copy`,
    `watched for ${found.seconds.toFixed(1)} s in ${found.looks} looks (tracker ${found.tracker})`,
    `it writes ${rates.join(', ')}; ${prettyBytes(found.workingSetBytes)} in all that time`,
    `being watched cost it ${(100 * found.slowDown).toFixed(1)} % of its CPU time`,
  ];
  const table = new Table({
    head: ['link', 'rounds', 'sent', 'in all', 'downtime', `within ${goalMs} ms`],
    style: { head: [], border: [] },
  });
  for (const { gbit, rounds, bytes, totalMs, downtimeMs, converged, reason } of found.links)
    table.push([
      `${gbit} Gbit/s`,
      String(rounds),
      prettyBytes(bytes),
      `${(totalMs / 1000).toFixed(1)} s`,
      `${downtimeMs.toFixed(1)} ms`,
      converged ? 'yes' : `no: ${reason}`,
    ]);
  return `${lines.join('\n')}\n${table.toString()}\n`;
}

function toJson(found: Estimate): object {
  const rounded = (value: number): number => Math.round(value * 1000) / 1000;
  return {
    status: 'estimated',
    tracker: found.tracker,
    processes: found.size.processes,
    threads: found.size.threads,
    mappings: found.size.mappings,
    descriptors: found.size.descriptors,
    seconds: rounded(found.seconds),
    bytes: found.bytes,
    'working-set': found.workingSetBytes,
    'dirty-rates': found.dirtyRates.map(({ everyMs, bytesPerSecond }) => ({
      every: everyMs,
      'bytes-per-second': Math.round(bytesPerSecond),
    })),
    'slow-down': rounded(found.slowDown),
    links: found.links.map(({ gbit, rounds, bytes, totalMs, downtimeMs, converged, reason }) => ({
      gbit,
      rounds,
      bytes: Math.round(bytes),
      'total-time': rounded(totalMs),
      'expected-downtime': rounded(downtimeMs),
      converges: converged,
      reason,
    })),
  };
}

// `godwit check`: what this kernel and this user can do; with --pid what stands in the way of moving a tree; with --to also
// what the target says. Nothing is disturbed, nothing is moved.
import Table from 'cli-table3';
import type { CommandModule } from 'yargs';
import { exitCodes } from '../errors.ts';
import type { Blocker } from '../images/requirements.ts';
import { probeAll, verdict } from '../kernel/probes/probe-all.ts';
import type { ProbeReport } from '../kernel/probes/report.ts';
import { checkTree } from '../source/migrate.ts';
import { parseEndpoint } from '../transport/endpoint.ts';
import { externalOptions, parseExternals, type ExternalArguments } from './external.ts';
import type { FilePolicy } from '../images/memory.ts';
import { filePolicyOption } from './file-policy.ts';
import { checkKeeping, keepConnectionsOption, type KeepConnections } from './keep-connections.ts';
import { linkOption, parseLink } from './link.ts';
import { moveIpOption, parseMove } from './move-ip.ts';
import { plaintext } from '../transport/security.ts';
import { parseSecurity, securityOptions, type SecurityArguments } from './source-security.ts';
import { requirePid, treeOption } from './tree-option.ts';
import { blockerTable } from './terminal.ts';

interface CheckArguments extends ExternalArguments, SecurityArguments {
  readonly pid: number | undefined;
  readonly to: string | undefined;
  readonly 'tcp-close': boolean;
  readonly 'move-ip': readonly string[];
  readonly 'keep-connections': KeepConnections;
  readonly link: readonly string[];
  readonly 'file-policy': FilePolicy;
  readonly json: boolean;
}

export const checkCommand: CommandModule<object, CheckArguments> = {
  command: 'check',
  describe: 'say what this host can do, or what stands in the way of moving a tree',
  builder: (yargs) =>
    yargs
      .option('pid', treeOption)
      .option('to', {
        type: 'string',
        requiresArg: true,
        implies: 'pid',
        describe: 'host:port of godwit receive, to be asked too',
      })
      .option('tcp-close', { type: 'boolean', default: false, describe: 'as for migrate' })
      .option('move-ip', { ...moveIpOption, describe: 'as for migrate' })
      .option('keep-connections', { ...keepConnectionsOption, describe: 'as for migrate' })
      .option('link', { ...linkOption, describe: 'as for migrate' })
      .option('file-policy', { ...filePolicyOption, describe: 'as for migrate' })
      .option('external', { ...externalOptions.external, describe: 'as for migrate' })
      .option('inherit-fd', { ...externalOptions['inherit-fd'], describe: 'as for migrate' })
      .options(securityOptions)
      .option('json', { type: 'boolean', default: false, describe: 'answer as JSON' }),
  handler: async (args) => {
    if (args.pid === undefined) await checkHost(args.json);
    else await checkPid(args.pid, args);
  },
};

async function checkHost(json: boolean): Promise<void> {
  const reports = await probeAll();
  const { ok, text } = verdict(reports);
  process.stdout.write(
    json ? `${JSON.stringify({ ok, features: reports })}\n` : `${featureTable(reports)}\n${text}\n`,
  );
  if (!ok) process.exitCode = exitCodes.refused;
}

function featureTable(reports: readonly ProbeReport[]): string {
  const table = new Table({
    head: ['feature', '', 'what its absence costs'],
    style: { head: [], border: [] },
  });
  for (const { what, result, detail, requiredFor, cost } of reports) {
    const state =
      result === 'ok' ? 'ok' : `${requiredFor === 'migration' ? 'MISSING' : 'missing'} ${detail}`.trim();
    table.push([what, state, result === 'ok' ? '' : cost]);
  }
  return table.toString();
}

async function checkPid(pid: number, args: CheckArguments): Promise<void> {
  const { to, 'tcp-close': tcpClose, 'move-ip': moves, link: links, json } = args;
  requirePid(pid);
  checkKeeping(args);
  const target = to === undefined ? undefined : parseEndpoint(to, '--to');
  const blockers: readonly Blocker[] = await checkTree({
    pid,
    to: target,
    tcpClose,
    skipInFlight: false, // nothing that waits to be accepted is a blocker before the freeze
    moves: moves.map(parseMove),
    keepConnections: args['keep-connections'],
    links: links.map(parseLink),
    filePolicy: args['file-policy'],
    externals: parseExternals(args),
    security: target === undefined ? plaintext : parseSecurity(args),
  });
  if (json) process.stdout.write(`${JSON.stringify({ ok: blockers.length === 0, blockers })}\n`);
  else if (blockers.length === 0) process.stdout.write('Looks good.\n');
  else process.stdout.write(`${blockerTable(blockers)}\n`);
  if (blockers.length > 0) process.exitCode = exitCodes.refused;
}

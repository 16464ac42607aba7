// `godwit migrate`: moves one tree.
import type { CommandModule } from 'yargs';
import { exitCodes, GodwitError } from '../errors.ts';
import type { PidNamespaceChoice } from '../source/check.ts';
import { endings, type Ending } from '../source/converge.ts';
import { migrate } from '../source/migrate.ts';
import { compressChoices, type CompressChoice } from '../source/page-flow/page-flow.ts';
import { trackerKinds, type TrackerKind } from '../source/trackers/tracker.ts';
import { forbidCoreDumps } from '../kernel/no-core-dumps.ts';
import { parseEndpoint } from '../transport/endpoint.ts';
import { goToBackground, inBackground, isBackground, onCallerGone } from './background.ts';
import { jsonDisplay } from './display-json.ts';
import { terminalDisplay } from './display-terminal.ts';
import { externalOptions, parseExternals, type ExternalArguments } from './external.ts';
import type { FilePolicy } from '../images/memory.ts';
import { deltaCacheOption, parseDeltaCache } from './delta-cache.ts';
import { bandwidthOption, parseBandwidth } from './bandwidth.ts';
import { Cancelling } from './cancelling.ts';
import { filePolicyOption } from './file-policy.ts';
import { checkKeeping, keepConnectionsOption, type KeepConnections } from './keep-connections.ts';
import { linkOption, parseLink } from './link.ts';
import { moveIpOption, parseMove } from './move-ip.ts';
import { parseReconnect, reconnectOption } from './reconnect.ts';
import { parseSecurity, securityOptions, type SecurityArguments } from './source-security.ts';
import { blockerTable } from './terminal.ts';
import { requirePid, treeOption } from './tree-option.ts';

interface MigrateArguments extends ExternalArguments, SecurityArguments {
  readonly pid: number;
  readonly to: string;
  readonly tracker: 'auto' | TrackerKind;
  readonly 'pid-namespace': PidNamespaceChoice;
  readonly 'max-downtime': number;
  readonly 'max-rounds': number;
  readonly timeout: number | undefined;
  readonly 'on-timeout': Ending;
  readonly postcopy: boolean;
  readonly 'auto-converge': boolean;
  readonly rehearsals: number;
  readonly compress: CompressChoice;
  readonly bandwidth: string | undefined;
  readonly 'delta-cache': string;
  readonly reconnect: number;
  readonly 'tcp-close': boolean;
  readonly 'skip-in-flight': boolean;
  readonly 'move-ip': readonly string[];
  readonly 'keep-connections': KeepConnections;
  readonly link: readonly string[];
  readonly 'file-policy': FilePolicy;
  readonly 'dry-run': boolean;
  readonly json: boolean;
}

export const migrateCommand: CommandModule<object, MigrateArguments> = {
  command: 'migrate',
  describe: 'move a process and all its descendants to a host where godwit receive listens',
  builder: (yargs) =>
    yargs
      .option('pid', { ...treeOption, demandOption: true })
      .option('to', {
        type: 'string',
        demandOption: true,
        requiresArg: true,
        describe: 'host:port of godwit receive',
      })
      .option('tracker', {
        choices: ['auto', ...trackerKinds] as const,
        default: 'auto' as const,
        describe: 'how dirty pages are found',
      })
      .option('pid-namespace', {
        choices: ['auto', 'host', 'new'] as const,
        default: 'auto' as const,
        describe: 'where the PIDs are kept on the target',
      })
      .option('max-downtime', {
        type: 'number',
        default: 50,
        describe: 'freeze when the predicted downtime is within this many milliseconds',
      })
      .option('max-rounds', {
        type: 'number',
        default: 30,
        describe: 'copy in so many rounds at the most',
      })
      .option('timeout', {
        type: 'number',
        describe: 'copy for so many seconds at the longest',
      })
      .option('on-timeout', {
        choices: endings,
        default: 'force' as const,
        describe:
          'when the goal is out of reach: freeze all the same, cancel, or let memory follow when it runs on the target',
      })
      .option('postcopy', {
        type: 'boolean',
        default: false,
        describe:
          'let memory follow when the tree runs on the target, as soon as copying ahead would take long; a source that is lost then loses the tree',
      })
      .option('rehearsals', {
        type: 'number',
        default: 6,
        describe:
          'how often the freeze is rehearsed: 1 saves half a second, and the tree stands still for longer',
      })
      .option('auto-converge', {
        type: 'boolean',
        default: false,
        describe: 'slow down, step by step, what writes faster than the wire takes it',
      })
      .option('compress', {
        choices: compressChoices,
        default: 'auto' as const,
        describe: 'how pages travel; auto: compressed where that is faster',
      })
      .option('bandwidth', bandwidthOption)
      .option('delta-cache', deltaCacheOption)
      .option('reconnect', reconnectOption)
      .option('tcp-close', {
        type: 'boolean',
        default: false,
        describe: 'drop established TCP connections: clients have to reconnect',
      })
      .option('skip-in-flight', {
        type: 'boolean',
        default: false,
        describe: 'drop TCP connections that wait to be accepted: these clients have to reconnect',
      })
      .option('move-ip', moveIpOption)
      .option('keep-connections', keepConnectionsOption)
      .option('link', linkOption)
      .option('file-policy', filePolicyOption)
      .options(externalOptions)
      .options(securityOptions)
      .option('dry-run', { type: 'boolean', default: false, describe: 'check only' })
      .option('json', { type: 'boolean', default: false, describe: 'report as JSON lines' })
      .check(checkArguments),
  handler: async (args) => {
    forbidCoreDumps();
    if (args['keep-connections'] === 'forward' && !isBackground()) {
      await inBackground();
      return;
    }
    const display = args.json ? jsonDisplay() : terminalDisplay();
    using cancelling = new Cancelling();
    onCallerGone(() => {
      cancelling.cancel('cancelled: the command was killed');
    });
    try {
      const outcome = await migrate({
        pid: args.pid,
        to: parseEndpoint(args.to, '--to'),
        tracker: args.tracker,
        pidNamespace: args['pid-namespace'],
        goals: {
          maxDowntimeMs: args['max-downtime'],
          maxRounds: args['max-rounds'],
          timeoutMs: args.timeout === undefined ? undefined : args.timeout * 1000,
          onTimeout: args['on-timeout'],
          postCopy: args.postcopy,
        },
        postCopy: args.postcopy || args['on-timeout'] === 'postcopy',
        autoConverge: args['auto-converge'],
        rehearsals: args.rehearsals,
        compress: args.compress,
        bandwidth: parseBandwidth(args.bandwidth),
        deltaCache: parseDeltaCache(args['delta-cache']),
        reconnectForMs: parseReconnect(args.reconnect),
        tcpClose: args['tcp-close'],
        skipInFlight: args['skip-in-flight'],
        moves: args['move-ip'].map(parseMove),
        keepConnections: args['keep-connections'],
        links: args.link.map(parseLink),
        filePolicy: args['file-policy'],
        externals: parseExternals(args),
        security: parseSecurity(args),
        dryRun: args['dry-run'],
        observer: display.observe,
        onForwarding: () => {
          display.end();
          goToBackground(exitCodes.moved);
        },
        signal: cancelling.signal,
      });
      if (outcome.blockers.length > 0) {
        display.refused(outcome.blockers, blockerTable);
        process.exitCode = exitCodes.refused;
      } else if (args['dry-run']) display.clear();
    } finally {
      display.end();
    }
  },
};

function checkArguments(
  args: Pick<
    MigrateArguments,
    | 'keep-connections'
    | 'move-ip'
    | 'pid'
    | 'max-downtime'
    | 'max-rounds'
    | 'rehearsals'
    | 'timeout'
    | 'bandwidth'
    | 'delta-cache'
    | 'reconnect'
  >,
): true {
  requirePid(args.pid);
  checkKeeping(args);
  parseBandwidth(args.bandwidth);
  parseDeltaCache(args['delta-cache']);
  parseReconnect(args.reconnect);
  const numbers = {
    'max-downtime': args['max-downtime'],
    'max-rounds': args['max-rounds'],
    timeout: args.timeout ?? 1,
  };
  for (const [name, value] of Object.entries(numbers)) {
    if (!(value > 0)) throw new GodwitError('USAGE', `--${name} takes a number above 0`);
  }
  if (!Number.isInteger(args.rehearsals) || args.rehearsals < 1 || args.rehearsals > 100)
    throw new GodwitError('USAGE', '--rehearsals takes a number from 1 to 100');
  return true;
}

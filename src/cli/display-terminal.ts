// What an operator sees: a bar while a round runs, one line for each round, a closing report. In a pipe plain lines.
import { Presets, SingleBar } from 'cli-progress';
import Table from 'cli-table3';
import prettyBytes from 'pretty-bytes';
import type { FlowReport } from '../source/page-flow/page-flow.ts';
import type { ClosingReport, PostCopyReport, Report, RoundReport } from '../source/report.ts';
import { packedCodecs } from '../transport/codec.ts';
import type { Display } from './display.ts';

export function terminalDisplay(out: NodeJS.WriteStream = process.stdout): Display {
  const bar = out.isTTY
    ? new SingleBar(
        { format: '{bar} {text}', stream: out, clearOnComplete: true, hideCursor: true },
        Presets.rect,
      )
    : undefined;
  let first = 0;
  const line = (text: string): void => {
    bar?.stop();
    out.write(`${text}\n`);
  };
  const advance = (round: RoundReport): void => {
    if (bar === undefined) return;
    if (round.round === 0) first = Math.max(1, round.bytes);
    const share = 1 - Math.min(1, (round.dirtyBytesPerSecond * round.ms) / 1000 / first);
    bar.start(100, Math.round(100 * share), {
      text: `pre-copy, predicted downtime ${round.predictedDowntimeMs.toFixed(1)} ms`,
    });
  };
  return {
    observe: (report: Report) => {
      if (report.kind === 'round') {
        line(roundLine(report));
        advance(report);
      } else if (report.kind === 'closing') line(closingText(report));
      else if (report.kind === 'post-copy') line(leftLine(report));
      else if (report.kind === 'warning') line(`warning: ${report.text}`);
      else line(report.text);
    },
    refused: (blockers, table) => {
      line(
        `${blockers.length} ${blockers.length === 1 ? 'thing stands' : 'things stand'} in the way; nothing was moved:`,
      );
      line(table(blockers));
    },
    clear: () => {
      line('Looks good: nothing stands in the way.');
    },
    end: () => {
      bar?.stop();
    },
  };
}

function roundLine(round: RoundReport): string {
  const parts = [
    `round ${String(round.round).padStart(2)}`,
    `${String(round.pages).padStart(8)} pages`,
    prettyBytes(round.bytes).padStart(9),
    `in ${round.ms.toFixed(0)} ms`.padStart(11),
    `${prettyBytes(round.bytesPerSecond)}/s`.padStart(11),
    `dirty ${prettyBytes(round.dirtyBytesPerSecond)}/s`.padStart(16),
    `predicted downtime ${round.predictedDowntimeMs.toFixed(1)} ms`,
    ...packedBy(round.flow),
    ...asDeltas(round.flow),
  ];
  if (round.throttle > 0) parts.push(`writers slowed ${Math.round(round.throttle * 100)} %`);
  return parts.join('  ');
}

function leftLine({ leftBytes, totalBytes }: PostCopyReport): string {
  return `post-copy: ${prettyBytes(leftBytes, { binary: true })} of ${prettyBytes(totalBytes, { binary: true })} left`;
}

/** By which codecs pages went, and how much smaller they became; nothing if all went as they are. */
function packedBy({ pageBytes, payloadBytes }: FlowReport): string[] {
  const names = packedCodecs.filter((codec) => pageBytes[codec] > 0);
  if (names.length === 0 || payloadBytes === 0) return [];
  const ratio = (pageBytes.none + pageBytes.lz4 + pageBytes.zstd) / payloadBytes;
  return [`${names.join(', ')} ${ratio.toFixed(1)}x`];
}

/** How much smaller pages became as deltas; nothing if none did. */
function asDeltas({ deltas: { pageBytes, bytes } }: FlowReport): string[] {
  return bytes === 0 ? [] : [`${prettyBytes(pageBytes)} as deltas ${(pageBytes / bytes).toFixed(1)}x`];
}

function closingText(report: ClosingReport): string {
  const { downtime } = report;
  const table = new Table({ style: { head: [], border: [] } });
  const ms = (value: number): string => `${value.toFixed(1)} ms`;
  table.push(
    ['moved', `${report.processes} processes, ${report.threads} threads (migration ${report.id})`],
    ['total', `${(report.totalMs / 1000).toFixed(2)} s, ${report.rounds} rounds`],
    ['stopped copying because', report.reason],
    ['downtime', `${ms(report.downtimeMs)} (predicted ${ms(report.predictedDowntimeMs)})`],
    ['  freeze', ms(downtime.freezeMs)],
    ['  state', ms(downtime.stateMs)],
    ['  delta', `${ms(downtime.deltaMs)}, ${report.deltaPages} pages`],
    ['  apply', ms(downtime.applyMs)],
    ['  run', ms(downtime.runMs)],
    [
      'sent',
      `${prettyBytes(report.bytes)}, ${report.pages} pages, ${report.zeroPages} zero pages, ${prettyBytes(report.bytesPerSecond)}/s`,
    ],
  );
  if (report.throttle > 0)
    table.push(['writers slowed', `by ${Math.round(report.throttle * 100)} % at most`]);
  const packed = packedBy(report.flow);
  table.push([
    'compressed',
    packed.length > 0
      ? `${packed.join('')}; for the delta: ${report.flow.codec}`
      : `no: ${report.flow.reason}`,
  ]);
  const { pageBytes, bytes } = report.flow.deltas;
  if (bytes > 0)
    table.push(['saved by deltas', `${prettyBytes(pageBytes - bytes)}: ${asDeltas(report.flow).join('')}`]);
  if (report.postCopy !== undefined) {
    const { pages, bytes, ms: took, wanted, reconnects } = report.postCopy;
    const again = reconnects === 0 ? '' : `, ${reconnects} times over a new connection`;
    table.push([
      'followed',
      `${pages} pages, ${prettyBytes(bytes)} in ${(took / 1000).toFixed(2)} s; ${wanted} were waited for${again}`,
    ]);
  }
  const { forwardedConnections: forwarded } = report;
  if (forwarded > 0)
    table.push([
      'forwarded',
      `${forwarded} ${forwarded === 1 ? 'connection' : 'connections'} through this host from now on (godwit status)`,
    ]);
  return table.toString();
}

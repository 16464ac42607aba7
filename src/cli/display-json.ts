// JSON lines for scripts; names as in QEMU's query-migrate. The schema stands in docs/operations.md.
import type { Blocker } from '../images/requirements.ts';
import type { FlowReport } from '../source/page-flow/page-flow.ts';
import type { FetchFigures } from '../source/post-copy/fetching.ts';
import type { ClosingReport, Report, RoundReport } from '../source/report.ts';
import type { Display } from './display.ts';

export function jsonDisplay(write: (line: string) => void = (line) => process.stdout.write(line)): Display {
  const print = (value: object): void => {
    write(`${JSON.stringify(value)}\n`);
  };
  return {
    observe: (report) => {
      print(toJson(report));
    },
    refused: (blockers: readonly Blocker[]) => {
      print({ status: 'refused', 'exit-code': 3, blockers });
    },
    clear: () => {
      print({ status: 'ready', blockers: [] });
    },
    end: () => undefined,
  };
}

function toJson(report: Report): object {
  switch (report.kind) {
    case 'round':
      return roundToJson(report);
    case 'closing':
      return closingToJson(report);
    case 'phase':
      return { status: 'active', phase: report.phase, text: report.text };
    case 'post-copy':
      return {
        status: 'postcopy-active',
        ram: { remaining: report.leftBytes, total: report.totalBytes, 'page-size': 4096 },
      };
    case 'warning':
      return { status: 'active', warning: report.text };
  }
}

function roundToJson(round: RoundReport): object {
  return {
    status: 'active',
    'expected-downtime': rounded(round.predictedDowntimeMs),
    ram: {
      transferred: round.bytes,
      remaining: Math.round(round.dirtyBytesPerSecond * (round.ms / 1000)),
      duplicate: round.zeroPages,
      normal: round.pages,
      'page-size': 4096,
      'dirty-pages-rate': Math.round(round.dirtyBytesPerSecond / 4096),
      'dirty-sync-count': round.round + 1,
      mbps: rounded((round.bytesPerSecond * 8) / 1e6),
    },
    compression: flowToJson(round.flow),
    deltas: deltasToJson(round.flow),
    'round-time': rounded(round.ms),
    'cpu-throttle-percentage': Math.round(round.throttle * 100),
  };
}

function closingToJson(report: ClosingReport): object {
  const { downtime } = report;
  return {
    status: report.status,
    id: report.id,
    'exit-code': 0,
    'total-time': rounded(report.totalMs),
    downtime: rounded(report.downtimeMs),
    'expected-downtime': rounded(report.predictedDowntimeMs),
    'downtime-parts': {
      freeze: rounded(downtime.freezeMs),
      state: rounded(downtime.stateMs),
      delta: rounded(downtime.deltaMs),
      apply: rounded(downtime.applyMs),
      run: rounded(downtime.runMs),
    },
    'target-times': Object.fromEntries(
      Object.entries(report.targetTimes).map(([name, ms]) => [name, rounded(ms)]),
    ),
    reason: report.reason,
    reconnects: report.reconnects,
    'cpu-throttle-percentage': Math.round(report.throttle * 100),
    ram: {
      transferred: report.bytes,
      remaining: 0,
      duplicate: report.zeroPages,
      normal: report.pages,
      'page-size': 4096,
      'delta-pages': report.deltaPages,
      'dirty-sync-count': report.rounds,
      mbps: rounded((report.bytesPerSecond * 8) / 1e6),
    },
    compression: flowToJson(report.flow),
    deltas: deltasToJson(report.flow),
    processes: report.processes,
    threads: report.threads,
    'forwarded-connections': report.forwardedConnections,
    ...(report.postCopy && { postcopy: postCopyToJson(report.postCopy) }),
  };
}

function postCopyToJson({ pages, bytes, wanted, ms, reconnects }: FetchFigures): object {
  return { pages, transferred: bytes, 'postcopy-requests': wanted, time: rounded(ms), reconnects };
}

function flowToJson({ codec, reason, pageBytes, payloadBytes }: FlowReport): object {
  const size = pageBytes.none + pageBytes.lz4 + pageBytes.zstd;
  return {
    codec,
    reason,
    'page-bytes': pageBytes,
    'compressed-size': payloadBytes,
    'compression-rate': rounded(payloadBytes === 0 ? 1 : size / payloadBytes),
  };
}

function deltasToJson({ deltas: { pageBytes, bytes, cacheBytes } }: FlowReport): object {
  return {
    'cache-size': cacheBytes,
    'page-bytes': pageBytes,
    'delta-bytes': bytes,
    'saved-bytes': pageBytes - bytes,
  };
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

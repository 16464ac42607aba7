import t from 'tap';
import { jsonDisplay } from '../../../src/cli/display-json.ts';
import { terminalDisplay } from '../../../src/cli/display-terminal.ts';
import type { ClosingReport, RoundReport } from '../../../src/source/report.ts';

const flow: RoundReport['flow'] = {
  codec: 'none',
  reason: 'it is fast',
  pageBytes: { none: 409_600, lz4: 0, zstd: 0 },
  payloadBytes: 409_600,
  deltas: { pageBytes: 0, bytes: 0, cacheBytes: 1 << 20 },
};
const round: RoundReport = {
  kind: 'round',
  round: 5,
  pages: 100,
  bytes: 409_600,
  ms: 10,
  bytesPerSecond: 1e9,
  dirtyBytesPerSecond: 2e9,
  predictedDowntimeMs: 70,
  zeroPages: 0,
  throttle: 0.3,
  flow,
};
const closing: ClosingReport = {
  kind: 'closing',
  status: 'completed',
  id: 'x',
  totalMs: 1000,
  downtimeMs: 40,
  predictedDowntimeMs: 41,
  downtime: { freezeMs: 1, stateMs: 2, deltaMs: 3, applyMs: 4, runMs: 5 },
  rounds: 6,
  reason: 'enough',
  reconnects: 2,
  bytes: 1,
  pages: 1,
  deltaPages: 1,
  zeroPages: 0,
  bytesPerSecond: 1e9,
  throttle: 0.9,
  flow,
  targetTimes: {},
  processes: 1,
  threads: 1,
  forwardedConnections: 0,
};

void t.test('how much the writers are slowed is shown, in percent', (t) => {
  const lines: string[] = [];
  const json = jsonDisplay((line) => lines.push(line));
  for (const report of [round, { ...round, throttle: 0 }, closing]) json.observe(report);
  t.strictSame(
    lines.map((line) => (JSON.parse(line) as Record<string, unknown>)['cpu-throttle-percentage']),
    [30, 0, 90],
  );
  t.equal((JSON.parse(lines[2] ?? '') as Record<string, unknown>)['reconnects'], 2);

  let shown = '';
  const out = { isTTY: false, write: (text: string) => (shown += text) };
  const display = terminalDisplay(out as unknown as NodeJS.WriteStream);
  display.observe(round);
  t.match(shown, /writers slowed 30 %/);
  display.observe(closing);
  t.match(shown, /writers slowed .* by 90 % at most/);
  shown = '';
  display.observe({ ...round, throttle: 0 });
  display.observe({ ...closing, throttle: 0 });
  t.notMatch(shown, /slowed/, 'unless they are not');
  t.end();
});

// The tree's clocks against the target's, by round trips. A reply tells the target's clocks at an instant between question
// and answer; the answer's arrival is taken for that instant, so the error puts the tree's clocks forward, never back.
import type { Clocks } from '../images/layout.ts';
import { clocksAhead, readClocks } from '../kernel/clocks.ts';
import type { ControlConnection } from '../transport/control-connection.ts';
import type { TargetMessage } from '../transport/messages.ts';

type Reply = Extract<TargetMessage, { type: 'clock-reply' }>;

const probes = 8;

/** The tree's clocks at the instant of the target's last clock-reply: what `stage` carries. */
export async function clocksAtLastReply(
  control: ControlConnection<'source'>,
  rootPid: number,
  signal: AbortSignal,
): Promise<Clocks> {
  const ahead = clocksAhead(rootPid);
  let best: { readonly tripNs: bigint; readonly reply: Reply; readonly clocks: Clocks } | undefined;
  let last: Reply | undefined;
  for (let n = 1; n <= probes; n++) {
    const began = process.hrtime.bigint();
    const [reply, now] = await probe(control, n, signal);
    const tripNs = process.hrtime.bigint() - began;
    last = reply;
    if (best !== undefined && best.tripNs <= tripNs) continue;
    const monotonic = now.monotonic + ahead.monotonic;
    const boottime = now.boottime + ahead.boottime;
    best = { tripNs, reply, clocks: { monotonic, boottime, realtime: now.realtime } };
  }
  if (best === undefined || last === undefined) throw new Error('no clock was read');
  const passed = last.monotonicNs - best.reply.monotonicNs;
  const { monotonic, boottime, realtime } = best.clocks;
  return { monotonic: monotonic + passed, boottime: boottime + passed, realtime: realtime + passed };
}

function probe(
  control: ControlConnection<'source'>,
  n: number,
  signal: AbortSignal,
): Promise<[Reply, ReturnType<typeof readClocks>]> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      reject(signal.reason as Error);
    };
    signal.throwIfAborted();
    signal.addEventListener('abort', onAbort, { once: true });
    control.handle('clock-reply', (reply) => {
      const now = readClocks();
      signal.removeEventListener('abort', onAbort);
      resolve([reply, now]);
    });
    control.send({ type: 'clock-probe', n });
  });
}

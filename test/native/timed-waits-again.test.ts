// Waits that the target makes threads begin again, with so little time left that most come back before they are interrupted.
import { readFileSync } from 'node:fs';
import t from 'tap';
import { syscalls } from '../../src/kernel/syscalls.ts';
import { registerCount, registerIndex } from '../../src/native-process.ts';
import { native } from '../../src/native.ts';
import { primeTimedWaits, type WaitingThread } from '../../src/target/apply/timed-waits.ts';
import { anonymous, freePids, layoutOf, specials, startShellTree } from '../helpers/shell-bed.ts';

const skip = process.geteuid?.() === 0 ? false : 'ptrace needs root';
const rounds = Number(process.env['GODWIT_ROUNDS'] ?? 1) * 200;
const restartBlock = -516n;

void t.test('a wait that is over leaves no signal behind', { skip }, async (t) => {
  const { tree, root } = await startShellTree(t);
  const threads = [root, ...freePids(7)];
  const mappings = [
    ...specials(0x7000_0000_0000),
    anonymous(0x1000_0000, 0x10_000, 3),
    anonymous(0x7ffd_0000_0000, 0x2_1000, 3, { growsDown: true }),
  ].sort((a, b) => a.start - b.start);
  tree.follow(
    layoutOf(
      [{ pid: root, ppid: 0, pgid: root, sid: root, threads, exitSignal: 17, inherits: false }],
      mappings,
    ),
  );
  const scratch = tree.scratch;
  if (scratch === undefined) throw new Error('no scratch memory');
  const began = process.hrtime.bigint();
  const now = (): bigint => process.hrtime.bigint() - began;
  let over = 0;
  for (let round = 0; round < rounds; round++) {
    const waiting = threads.map((vtid): WaitingThread => {
      const tid = tree.shell(root).tid(vtid);
      const registers = new BigUint64Array(registerCount);
      native.getRegs(tid, registers);
      registers[registerIndex.rax] = BigInt.asUintN(64, restartBlock);
      registers[registerIndex.origRax] = BigInt(syscalls.nanosleep);
      registers[registerIndex.rsi] = 0n;
      const deadline = now() + BigInt(Math.floor(Math.random() * 400_000));
      return { tid, wait: { syscall: syscalls.nanosleep, deadline }, registers };
    });
    primeTimedWaits(waiting, scratch, now);
    over += waiting.filter(({ registers }) => registers[registerIndex.rax] === 0n).length;
    const pending = waiting.filter(
      ({ tid }) => !/^SigPnd:\t0+$/m.test(readFileSync(`/proc/${tid}/status`, 'utf8')),
    );
    if (pending.length > 0) t.fail(`round ${round}: a signal is pending in ${pending.length} threads`);
  }
  t.ok(over > rounds, `${over} of ${rounds * threads.length} waits were over`);
});

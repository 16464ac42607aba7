import t from 'tap';
import { readResidentPages } from '../../../../src/kernel/proc/statm.ts';

void t.test('resident pages are those of this very process', (t) => {
  const before = readResidentPages(process.pid) ?? 0;
  const room = Buffer.alloc(64 << 20, 1);
  const after = readResidentPages(process.pid) ?? 0;
  t.ok(after - before > 0.9 * (room.length / 4096), `${before} became ${after}`);
  t.equal(readResidentPages(4_194_304), undefined, 'nobody has this PID');
  t.end();
});

// Ancillary data as bytes: what is written is read again, and what a hostile length says is not believed.
import t from 'tap';
import { encodeControl, maxRights, parseControl } from '../../../src/kernel/control-messages.ts';

t.test('descriptors and a sender come back as they were given', (t) => {
  const rights = Array.from({ length: maxRights }, (_, index) => index * 3);
  const credentials = { pid: 4_194_304, uid: 0xffff_fffe, gid: 65_534 };
  t.same(parseControl(encodeControl({ rights, credentials })), { rights, credentials });
  t.same(parseControl(encodeControl({ rights: [7] })), { rights: [7] });
  t.same(parseControl(encodeControl({ rights: [], credentials })), { rights: [], credentials });
  t.equal(encodeControl({ rights: [] }).length, 0);
  t.end();
});

t.test('what the kernel wrote on x86-64 is read', (t) => {
  const text =
    '1c000000000000000100000002000000' + '0a000000e8030000e903000000000000' + '14000000000000000100000001000000' + '0500000000000000' +
    '14000000000000000100000004000000' + '0900000000000000'; // prettier-ignore
  const control = new Uint8Array(Buffer.from(text, 'hex'));
  t.same(parseControl(control), { rights: [5], credentials: { pid: 10, uid: 1000, gid: 1001 }, pidfd: 9 });
  t.end();
});

t.test('lengths that lead nowhere end the reading', (t) => {
  const control = encodeControl({ rights: [1, 2, 3] });
  for (const length of [0n, 15n, 1n << 40n, 0xffff_ffff_ffff_ffffn]) {
    const copy = control.slice();
    new DataView(copy.buffer).setBigUint64(0, length, true);
    t.same(parseControl(copy), { rights: [] });
  }
  t.same(parseControl(control.subarray(0, 20)), { rights: [] });
  t.same(parseControl(new Uint8Array()), { rights: [] });
  t.end();
});

import t from 'tap';
import { addressPort, addressText, anyHost, unixName } from '../../../src/kernel/socket-address.ts';

const v4 = Uint8Array.of(2, 0, 0x12, 0x67, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);
const v6 = new Uint8Array(28);
v6.set([10, 0, 0, 80]);
v6[23] = 1;

t.test('addresses read as people write them', (t) => {
  t.equal(addressText(v4), '10.0.0.1:4711');
  t.equal(addressText(v6), '[::1]:80');
  t.equal(addressText(Uint8Array.of(1, 0, ...Buffer.from('/run/x\0'))), '/run/x');
  t.equal(addressText(Uint8Array.of(1, 0, 0, ...Buffer.from('name'))), '@name');
  t.equal(addressText(Uint8Array.of(1, 0)), 'unnamed');
  t.equal(addressText(Uint8Array.of(16, 0, 0, 0)), 'address family 16');
  t.equal(unixName(Uint8Array.of()), 'unnamed');
  t.end();
});

t.test('any host keeps family and port', (t) => {
  t.equal(addressText(anyHost(v4)), '0.0.0.0:4711');
  t.equal(addressText(anyHost(v6)), '[::]:80');
  t.equal(addressPort(anyHost(v4)), 4711);
  t.equal(v4[4], 10, 'the address itself is not touched');
  t.end();
});

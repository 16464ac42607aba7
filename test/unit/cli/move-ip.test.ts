// --move-ip ADDR[/DEV]
import t from 'tap';
import { parseMove } from '../../../src/cli/move-ip.ts';

t.test('what is taken', (t) => {
  t.same(parseMove('10.0.0.5'), { address: '10.0.0.5', device: undefined });
  t.same(parseMove('10.0.0.5/eth0'), { address: '10.0.0.5', device: 'eth0' });
  t.same(parseMove('2001:DB8:0:0::1/br-lan.7'), { address: '2001:db8::1', device: 'br-lan.7' });
  t.end();
});

t.test('what is not', (t) => {
  for (const wrong of [
    '',
    'host',
    '10.0.0',
    '10.0.0.5/24',
    '10.0.0.5/',
    '10.0.0.5/a b',
    '::1/64',
    `10.0.0.5/${'x'.repeat(16)}`,
  ])
    t.throws(() => parseMove(wrong), { code: 'USAGE' }, wrong);
  t.end();
});

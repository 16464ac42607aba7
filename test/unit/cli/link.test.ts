// --link DEV@BRIDGE
import t from 'tap';
import { parseLink } from '../../../src/cli/link.ts';

t.test('an interface of the tree, and a bridge of the target', (t) => {
  t.same(parseLink('eth0@br0'), { device: 'eth0', bridge: 'br0' });
  t.same(parseLink('eth0.7@br-lan'), { device: 'eth0.7', bridge: 'br-lan' });
  t.end();
});

t.test('mistakes', (t) => {
  for (const wrong of [
    '',
    'eth0',
    'eth0@',
    '@br0',
    'eth0@br/0',
    'a name@br0',
    'sixteen-letters-@br0',
    'a@b@c',
  ])
    t.throws(() => parseLink(wrong), { code: 'USAGE' }, wrong);
  t.end();
});

// Names of settings that come from a peer stay below /proc/sys/net.
import t from 'tap';
import { isSysctlName } from '../../../../src/kernel/network/sysctls.ts';

t.test('names of settings', (t) => {
  for (const name of [
    'ipv4/ip_forward',
    'ipv4/conf/eth0.7/rp_filter',
    'ipv6/conf/br-lan/forwarding',
    'core/somaxconn',
  ])
    t.ok(isSysctlName(name), name);
  for (const name of [
    '',
    '/ipv4/ip_forward',
    'ipv4//x',
    '../kernel/core_pattern',
    'ipv4/../../kernel/core_pattern',
    'ipv4/.',
    'ipv4/x y',
    'ipv4/x\0',
  ])
    t.notOk(isSysctlName(name), JSON.stringify(name));
  t.end();
});

// Multicast groups of interfaces, as /proc shows them.
import t from 'tap';
import { isOfKernel, parseIgmp, parseIgmp6 } from '../../../../src/kernel/proc/igmp.ts';
import { addressText } from '../../../../src/kernel/proc/inet-address.ts';

t.test('net/igmp: groups below their interfaces', (t) => {
  const groups = parseIgmp(
    'Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n' +
      '1\tlo        :     2      V3\n' +
      '\t\t\t\t030201EF     1 0:00000000\t\t0\n' +
      '\t\t\t\t010000E0     2 0:00000000\t\t0\n' +
      '774\tgwtc464e7f1234:     1      V2\n' +
      '\t\t\t\t010000E0     1 0:00000000\t\t0\n',
  );
  t.same(
    groups.map(({ device, index, address, users }) => [device, index, addressText(address), users]),
    [
      ['lo', 1, '239.1.2.3', 1],
      ['lo', 1, '224.0.0.1', 2],
      ['gwtc464e7f1234', 774, '224.0.0.1', 1],
    ],
  );
  t.same(groups.map(isOfKernel), [false, false, true]);
  t.end();
});

t.test('net/igmp6: one line for each', (t) => {
  const groups = parseIgmp6(
    '1    lo              ff150000000000000000000000000077     1 00000004 0\n' +
      '1    lo              ff020000000000000000000000000001     1 0000000C 0\n' +
      '1    lo              ff010000000000000000000000000001     2 00000008 0\n' +
      '4    eth0            ff0200000000000000000001ff000002     2 00000004 0\n',
  );
  t.same(
    groups.map(({ device, index, address, users }) => [device, index, addressText(address), users]),
    [
      ['lo', 1, 'ff15::77', 1],
      ['lo', 1, 'ff02::1', 1],
      ['lo', 1, 'ff01::1', 2],
      ['eth0', 4, 'ff02::1:ff00:2', 2],
    ],
  );
  t.same(groups.map(isOfKernel), [false, true, false, true]);
  t.same(parseIgmp6(''), []);
  t.end();
});

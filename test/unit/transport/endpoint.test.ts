import t from 'tap';
import {
  formatEndpoint,
  isLoopback,
  parseEndpoint,
  resolveEndpoint,
} from '../../../src/transport/endpoint.ts';

void t.test('[addr:]port is read as people write it', async (t) => {
  t.same(parseEndpoint('7070', '--listen', '127.0.0.1'), { host: '127.0.0.1', port: 7070 });
  t.same(parseEndpoint('10.0.0.1:7070', '--listen', '127.0.0.1'), { host: '10.0.0.1', port: 7070 });
  t.same(parseEndpoint('[::1]:0', '--listen', '127.0.0.1'), { host: '::1', port: 0 });
  t.same(parseEndpoint('host.example:65535', '--to'), { host: 'host.example', port: 65_535 });
});

void t.test('what cannot be meant is a USAGE error that shows the form', async (t) => {
  for (const text of ['', 'x', '7070', 'h:', 'h:65536', 'h:0', '::1:7070', '[10.0.0.1]:1', 'h:1:2', '[::1:7', 'h:-1', 'h: 1']) {
    t.throws(() => parseEndpoint(text, '--to'), { code: 'USAGE', message: /is not host:port/ }, text);
  } // prettier-ignore
  t.throws(() => parseEndpoint('70700', '--listen', '127.0.0.1'), { code: 'USAGE' });
});

void t.test('loopback is 127/8, ::1, and 127/8 mapped into IPv6', async (t) => {
  for (const yes of ['127.0.0.1', '127.255.0.3', '::1', '::ffff:127.0.0.1']) t.ok(isLoopback(yes), yes);
  for (const no of ['0.0.0.0', '::', '10.0.0.1', '128.0.0.1', 'fe80::1', '::ffff:10.0.0.1'])
    t.notOk(isLoopback(no), no);
});

void t.test('names are looked up, and an unknown one is said so', async (t) => {
  t.match(await resolveEndpoint({ host: 'localhost', port: 1 }, '--to'), { host: 'localhost', port: 1 });
  t.match(await resolveEndpoint({ host: '10.0.0.1', port: 1 }, '--to'), { address: '10.0.0.1' });
  await t.rejects(resolveEndpoint({ host: 'nowhere.invalid', port: 1 }, '--to'), { code: 'PEER' });
});

void t.test('IPv6 is written in brackets', async (t) => {
  t.equal(formatEndpoint({ address: '::1', port: 7 }), '[::1]:7');
  t.equal(formatEndpoint({ address: '127.0.0.1', port: 7 }), '127.0.0.1:7');
});

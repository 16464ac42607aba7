// What the kernel and the keeper say of a POSIX message queue, as text and as bytes.
import t from 'tap';
import { decodeMessages, parseQueueStatus } from '../../../src/kernel/message-queues.ts';

void t.test('a queue read as a file tells its bytes and who is registered', (t) => {
  const line = (size: string, notify: string, signal: string, pid: string): string =>
    `QSIZE:${size} NOTIFY:${notify} SIGNO:${signal} NOTIFY_PID:${pid}\n`;
  t.same(parseQueueStatus(line('129       ', '0    ', '0    ', '0     ')), { bytes: 129, notify: undefined });
  t.same(parseQueueStatus(line('0         ', '1    ', '0    ', '17    ')), {
    bytes: 0,
    notify: { how: 1, signal: 0, pid: 17 },
  });
  t.same(parseQueueStatus(line('8         ', '0    ', '10   ', '4194304')), {
    bytes: 8,
    notify: { how: 0, signal: 10, pid: 4_194_304 },
  });
  t.same(
    parseQueueStatus(line('8         ', '2    ', '0    ', '0     ')).notify,
    { how: 2, signal: 0, pid: 0 },
    'somebody in a PID namespace that is not seen from here',
  );
  for (const text of ['', 'QSIZE:x', 'SIZE:1 NOTIFY:0'])
    t.throws(() => parseQueueStatus(text), { code: 'UNSUPPORTED' });
  t.end();
});

function encode(
  ...messages: readonly (readonly [priority: number, text: string])[]
): Uint8Array<ArrayBuffer> {
  const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
  const parts = messages.flatMap(([priority, text]) => [u32(priority), u32(text.length), Buffer.from(text)]);
  return new Uint8Array(Buffer.concat([u32(messages.length), ...parts]));
}

void t.test('messages from the keeper', (t) => {
  const decoded = decodeMessages(encode([32_767, 'first'], [0, ''], [0, 'last']));
  t.same(
    decoded.map(({ priority, text }) => [priority, Buffer.from(text).toString()]),
    [
      [32_767, 'first'],
      [0, ''],
      [0, 'last'],
    ],
  );
  t.same(decodeMessages(encode()), []);
  t.throws(() => decodeMessages(encode([1, 'x']).slice(0, -1)), 'one that is cut off');
  t.throws(() => decodeMessages(new Uint8Array([...encode([1, 'x']), 0])), { code: 'INTERNAL' });
  t.end();
});

// A message queue as a peer may send it: what no kernel could have is refused.
import t from 'tap';
import { mqueueSchema, queueNameSchema } from '../../../src/images/resources/mqueue.ts';

const content = {
  maxMessages: 2,
  messageSize: 4,
  uid: 0,
  gid: 0,
  mode: 0o600,
  readAt: 0n,
  writtenAt: 1_000_000_000n,
  messages: [{ priority: 32_767, text: new Uint8Array(4) }],
};
const image = { kind: 'mqueue', queue: 7n, name: '/q', unlinked: false, position: 0n, content };
const accepts = (change: object): boolean => mqueueSchema.safeParse({ ...image, ...change }).success;
const holds = (change: object): boolean => accepts({ content: { ...content, ...change } });

void t.test('names', (t) => {
  for (const name of ['/q', '/a.b', '/ (deleted)', `/${'x'.repeat(255)}`, '/ö'])
    t.ok(queueNameSchema.safeParse(name).success, name);
  for (const name of [
    'q',
    '/',
    '//q',
    '/a/b',
    '/.',
    '/..',
    '/a\tb',
    '/a\nb',
    '/a\0',
    `/${'x'.repeat(256)}`,
    '',
  ])
    t.notOk(queueNameSchema.safeParse(name).success, JSON.stringify(name));
  t.end();
});

void t.test('what is in it', (t) => {
  t.ok(accepts({}));
  t.ok(accepts({ content: undefined }));
  t.ok(holds({ notify: { pid: 5, fd: 3 } }));
  t.notOk(accepts({ content: {} }));
  t.notOk(accepts({ content: { ...content, more: 1 } }), 'unknown fields');
  t.notOk(holds({ messages: [{ priority: 32_768, text: new Uint8Array() }] }), 'MQ_PRIO_MAX');
  t.notOk(holds({ maxMessages: 0 }));
  t.notOk(holds({ maxMessages: 65_537 }));
  t.notOk(holds({ messageSize: (1 << 24) + 1 }));
  t.notOk(holds({ mode: 0o10000 }));
  t.notOk(holds({ notify: { pid: 0, fd: 3 } }));
  t.end();
});

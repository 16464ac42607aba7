// Keys of page connections: the same at both ends, another for each connection, and no request twice.
import { randomBytes } from 'node:crypto';
import t from 'tap';
import { PageKeys } from '../../../src/transport/page-keys.ts';
import { Opener, Sealer, tagBytes } from '../../../src/transport/sealing.ts';

void t.test('both ends have the same keys, each connection others', (t) => {
  const secret = randomBytes(32);
  const [source, target] = [new PageKeys(secret), new PageKeys(secret)];
  const seen = new Set<string>();
  for (let i = 0; i < 5; i++) {
    const { header, seal } = source.next();
    t.strictSame(target.accept(header), seal);
    for (const key of [seal.frames, seal.acks]) seen.add(key.toString('hex'));
  }
  t.equal(seen.size, 10);
  t.end();
});

void t.test('a request is taken once, none from before a later one, none of anybody else', (t) => {
  const secret = randomBytes(32);
  const [source, target] = [new PageKeys(secret), new PageKeys(secret)];
  const [first, second, third] = [source.next().header, source.next().header, source.next().header];
  t.ok(target.accept(second));
  for (const again of [second, first]) t.equal(target.accept(again), undefined);
  const wrong = [undefined, '', '4', '4.', third.replace(/^3/, '4'), `${third}x`, new PageKeys(randomBytes(32)).next().header];
  for (const one of wrong) t.equal(target.accept(one), undefined, one ?? 'none');
  t.ok(target.accept(third), 'and the wrong ones cost nothing');
  t.end();
}); // prettier-ignore

void t.test('sealed messages are opened in their order alone, and unchanged', (t) => {
  const key = randomBytes(32);
  const messages = ['', 'one', 'two'.repeat(50_000)].map((text) => Buffer.from(text));
  const sealer = new Sealer(key);
  const sealed = messages.map((message) => Buffer.from(sealer.seal(message)));
  for (const [i, one] of sealed.entries()) t.equal(one.length, (messages[i]?.length ?? 0) + tagBytes);
  const opener = new Opener(key);
  const [first, second, third] = sealed as [Buffer, Buffer, Buffer];
  t.equal(opener.open(second), undefined, 'left out');
  t.strictSame(opener.open(first), messages[0]);
  t.equal(opener.open(first), undefined, 'repeated');
  for (const at of [0, 2, second.length - 1]) {
    const changed = Buffer.from(second);
    changed[at] = (changed[at] ?? 0) ^ 1;
    t.equal(opener.open(changed), undefined, `byte ${at} changed`);
  }
  t.equal(opener.open(second.subarray(0, tagBytes - 1)), undefined, 'too short for a tag');
  t.strictSame(opener.open(second), messages[1]);
  t.equal(new Opener(randomBytes(32)).open(first), undefined, 'another key');
  opener.openedElsewhere();
  t.equal(opener.open(third), undefined, 'somebody else has opened it');
  t.end();
});

void t.test('memory that was given back is used again', (t) => {
  const sealer = new Sealer(randomBytes(32));
  const message = Buffer.alloc(500_000, 7);
  const first = sealer.seal(message);
  const second = sealer.seal(message);
  t.not(first.buffer, second.buffer, 'while it is on its way it is left alone');
  sealer.giveBack(first);
  t.equal(sealer.seal(message.subarray(0, 100_000)).buffer, first.buffer);
  t.end();
});

// Keys as text, and the pins of certificates.
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import t from 'tap';
import { native } from '../../../src/native.ts';
import { formatKey, parseKey, pinOf } from '../../../src/transport/transfer-key.ts';

void t.test('a key comes back as it was written, whitespace around it or not', (t) => {
  const key = { pin: randomBytes(32), secret: randomBytes(32) };
  const text = formatKey(key);
  t.match(text, /^gw1_[A-Za-z0-9_-]{86}$/);
  t.strictSame(parseKey(text, '--key'), key);
  t.strictSame(parseKey(` ${text}\n`, '--key-file'), key);
  t.end();
});

void t.test('anything else is refused, and not repeated', (t) => {
  const text = formatKey({ pin: randomBytes(32), secret: randomBytes(32) });
  const wrong = ['', 'gw1_', text.slice(0, -1), `${text}A`, text.slice(4), text.replace('gw1_', 'gw2_'), `${text.slice(0, -2)}+/`];
  for (const one of wrong) {
    try {
      parseKey(one, '--key');
      t.fail(`${one} was taken`);
    } catch (error) {
      t.match(error, { code: 'USAGE', hint: /86 characters/ });
      if (one.length > 4) t.notMatch(String(error), one);
    }
  }
  t.end();
}); // prettier-ignore

void t.test('a pin is the SHA-256 of the public key, whatever else a certificate says', (t) => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const expected = createHash('sha256').update(spki).digest();
  t.strictSame(pinOf(native.selfSigned(pem, 'one', 1)), expected);
  t.strictSame(pinOf(native.selfSigned(pem, 'another', 10)), expected);
  t.throws(() => native.selfSigned('no key', 'one', 1), { message: /certificate/ });
  t.end();
});

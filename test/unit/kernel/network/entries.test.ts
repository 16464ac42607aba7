// What the kernel tells of addresses, routes, rules and neighbours, as images: without what it adds, so that equal ones are equal.
import t from 'tap';
import {
  addressKind,
  atOnce,
  messageOf,
  missingIn,
  neighbourKind,
  routeKind,
  ruleKind,
  toEntry,
  type EntryKind,
} from '../../../../src/kernel/network/entries.ts';
import { attribute, attributes, numberValue } from '../../../../src/kernel/netlink-messages.ts';

const message = (header: readonly number[], ...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Buffer.concat([Uint8Array.from(header), ...parts]));
const ip = (...bytes: readonly number[]): Uint8Array => Uint8Array.from(bytes);
const ifaFlags = 8;
const ifaCacheinfo = 6;

/** AF_INET, /24, interface 2. */
const addressHeader = (flags: number): number[] => [2, 24, flags, 0, 2, 0, 0, 0];
const lifetimes = (preferred: number, valid: number, created: number): Uint8Array =>
  new Uint8Array(Uint32Array.of(preferred, valid, created, created).buffer);

t.test('an address keeps how it is used, and loses its state', (t) => {
  const tentative = 0x40;
  const secondary = 1;
  const permanent = 0x80;
  const told = message(
    addressHeader(permanent | tentative | secondary),
    attribute(1, ip(10, 0, 0, 5)),
    attribute(ifaFlags, numberValue(permanent | tentative | secondary | 0x200)),
    attribute(ifaCacheinfo, lifetimes(0xffffffff, 0xffffffff, 1234)),
    attribute(99, ip(1)),
  );
  const entry = toEntry(addressKind, told);
  t.same(entry?.header, Uint8Array.from(addressHeader(0)), 'flags stand in their attribute alone');
  t.same(entry?.attributes, [
    [1, ip(10, 0, 0, 5)],
    [ifaFlags, numberValue(permanent | 0x200)],
  ]);
  if (entry === undefined) throw new Error('no entry');
  const set = attributes(messageOf(addressKind, atOnce(entry)), addressKind.headerLength);
  t.same(set.get(ifaFlags), numberValue(permanent | 0x200 | 2), 'nobody is asked whether he has it');
  t.end();
});

t.test('an address that was lent keeps what is left of its time, not when it came', (t) => {
  const at = (created: number): Uint8Array<ArrayBuffer> =>
    message(
      addressHeader(0),
      attribute(1, ip(10, 0, 0, 5)),
      attribute(ifaCacheinfo, lifetimes(60, 90, created)),
    );
  t.same(toEntry(addressKind, at(5)), toEntry(addressKind, at(77)));
  t.ok(toEntry(addressKind, at(5))?.attributes.some(([type]) => type === ifaCacheinfo));
  t.end();
});

const routeHeader = (protocol: number, flags = 0): number[] => [
  2,
  24,
  0,
  0,
  254,
  protocol,
  0,
  1,
  flags,
  0,
  0,
  0,
];

t.test('routes of the kernel come by themselves; others lose what their links are like', (t) => {
  const oif = attribute(4, numberValue(2));
  t.equal(toEntry(routeKind, message(routeHeader(2), oif)), undefined, 'of the kernel');
  const linkDown = 16;
  const onLink = 4;
  const entry = toEntry(routeKind, message(routeHeader(3, linkDown | onLink), oif));
  t.equal(entry?.header[8], onLink);
  const hop = (flags: number): Uint8Array => Uint8Array.of(8, 0, flags, 1, 2, 0, 0, 0);
  const hops = toEntry(routeKind, message(routeHeader(3), attribute(9, hop(linkDown | onLink))));
  t.same(hops?.attributes, [[9, hop(onLink)]], 'each hop likewise');
  t.end();
});

t.test('a rule that suppresses nothing does not say so', (t) => {
  const header = [2, 0, 0, 0, 254, 0, 0, 1, 0, 0, 0, 0];
  const rule = message(header, attribute(14, numberValue(0xffffffff)), attribute(6, numberValue(1000)));
  t.same(toEntry(ruleKind, rule)?.attributes, [[6, numberValue(1000)]]);
  t.end();
});

t.test('neighbours that were only learned are left out', (t) => {
  const header = (state: number, flags: number): number[] => [2, 0, 0, 0, 2, 0, 0, 0, state, 0, flags, 1];
  const reachable = 2;
  const permanent = 0x80;
  const proxy = 8;
  const at = attribute(1, ip(10, 0, 0, 7));
  t.equal(toEntry(neighbourKind, message(header(reachable, 0), at)), undefined);
  t.ok(toEntry(neighbourKind, message(header(permanent, 0), at)));
  t.equal(toEntry(neighbourKind, message(header(0, proxy), at))?.header[10], proxy);
  t.end();
});

t.test('what a peer says beyond what may be set is left out', (t) => {
  const hostile = {
    header: Uint8Array.from(addressHeader(0)),
    attributes: [[55, ip(1, 2, 3, 4)]] as [number, Uint8Array<ArrayBuffer>][],
  };
  t.equal(messageOf(addressKind, hostile).length, addressKind.headerLength);
  t.end();
});

t.test('missing are those that are not among the others', (t) => {
  const of = (kind: EntryKind, last: number): NonNullable<ReturnType<typeof toEntry>> => {
    const entry = toEntry(kind, message(addressHeader(0), attribute(1, ip(10, 0, 0, last))));
    if (entry === undefined) throw new Error('no entry');
    return entry;
  };
  const [one, two] = [of(addressKind, 1), of(addressKind, 2)];
  t.same(missingIn([one, two], [of(addressKind, 2)]), [one]);
  t.same(missingIn([one, two], []), [one, two]);
  t.same(missingIn([], [one]), []);
  t.end();
});

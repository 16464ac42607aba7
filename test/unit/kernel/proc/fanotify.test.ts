// Lines as Linux 6.18 shows them, one of each kind of mark.
import t from 'tap';
import { parseFanotify } from '../../../../src/kernel/proc/fanotify.ts';

t.test('how the group was made, and its marks in the order in which they were added', (t) => {
  const lines = [
    'fanotify flags:e03 event-flags:88002',
    'fanotify mnt_ns:4026531832 mflags:0 mask:3000000 ignored_mask:0',
    'fanotify sdev:1b mflags:0 mask:8008000 ignored_mask:0',
    'fanotify mnt_id:1e mflags:40 mask:20 ignored_mask:2',
    'fanotify ino:2168ec sdev:fe00000 mflags:440 mask:48000022 ignored_mask:48000002 fhandle-bytes:8 fhandle-type:1 f_handle:ec6821000c7405b2',
  ];
  const group = parseFanotify(lines);
  t.match(group, { flags: 0xe03, eventFlags: 0x88002 });
  const bytes = Buffer.from('ec6821000c7405b2', 'hex');
  t.same(group?.marks, [
    {
      object: { on: 'inode', ino: 0x2168ec, device: 0xfe00000, handle: { type: 1, bytes } },
      flags: 0x440,
      mask: 0x48000022,
      ignored: 0x48000002,
      line: lines[4],
    },
    { object: { on: 'mount', mountId: 0x1e }, flags: 0x40, mask: 0x20, ignored: 2, line: lines[3] },
    { object: { on: 'filesystem', device: 0x1b }, flags: 0, mask: 0x8008000, ignored: 0, line: lines[2] },
    { object: { on: 'namespace', ino: 4026531832 }, flags: 0, mask: 0x3000000, ignored: 0, line: lines[1] },
  ]);
  t.end();
});

t.test('a file system without handles shows none', (t) => {
  const group = parseFanotify([
    'fanotify flags:0 event-flags:8000',
    'fanotify ino:51 sdev:18 mflags:0 mask:2 ignored_mask:0 ',
  ]);
  t.same(group?.marks[0]?.object, { on: 'inode', ino: 0x51, device: 0x18 });
  t.end();
});

t.test('without the line of the group nothing is known of it', (t) => {
  t.equal(parseFanotify([]), undefined);
  t.equal(parseFanotify(['fanotify sdev:1b mflags:0 mask:20 ignored_mask:0']), undefined);
  t.end();
});

// Which open files need a process for a moment, and under which numbers.
import t from 'tap';
import type { OpenFile } from '../../../../src/images/state.ts';
import { lodgersOf } from '../../../../src/target/resources/lodgers.ts';

const locks = { flock: 0, ranges: [], readLease: false, records: [] };
const regular: OpenFile['resource'] = { kind: 'regular', file: 0, position: 0n };
const epoll: OpenFile['resource'] = { kind: 'epoll', watches: [] };

t.test('only who is in flight and wants a process lodges, above all numbers of its host', (t) => {
  const openFiles: OpenFile[] = [
    { id: 0, flags: 0, resource: epoll },
    { id: 1, flags: 0, resource: epoll },
    { id: 2, flags: 0, resource: regular },
    { id: 3, flags: 0, locks: { ...locks, readLease: true }, resource: regular },
    { id: 4, flags: 0, owner: { type: 1, pid: 7, signal: 0 }, resource: regular },
    { id: 5, flags: 0o20000, resource: regular },
    { id: 6, flags: 0, resource: { kind: 'inotify', watches: [] } },
  ];
  const host = { pid: 1, descriptors: [{ fd: 40, file: 2, closeOnExec: false }] };
  const other = { pid: 2, descriptors: [{ fd: 90, file: 0, closeOnExec: false }] };
  t.same(lodgersOf(openFiles, [host, other], host), [
    { fd: 41, file: 1, closeOnExec: true },
    { fd: 42, file: 3, closeOnExec: true },
    { fd: 43, file: 4, closeOnExec: true },
    { fd: 44, file: 5, closeOnExec: true },
    { fd: 45, file: 6, closeOnExec: true },
  ]);
  t.same(lodgersOf(openFiles, [host, other], { pid: 3, descriptors: [] })[0]?.fd, 3);
  t.end();
});

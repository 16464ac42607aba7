import t from 'tap';
import { parseSysv } from '../../../../src/kernel/proc/sysvipc.ts';

const shm = `       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime                   rss                  swap
1624261839          0   600                262144 17615 17616      3     1     2     3     4 1795730073 1795730074 1795730073                262144                     0
        -2     165074  3604                 19246 17615     0      1     0     0     0     0 1795730073 1795730074 1795730073                 20480                     0
`;
const msg = `       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime
         5         77   600           6          2  5908     0     0     0     0     0 1795728797          0 1795728797
`;

t.test('columns are read by name, permissions as octal, keys with their sign', async (t) => {
  const [first, second] = parseSysv(shm);
  t.match(first, { id: 0, key: 1624261839, uid: 1, gid: 2, cuid: 3, cgid: 4, mode: 0o600 });
  t.match(first?.columns, { size: 262144, cpid: 17615, lpid: 17616, nattch: 3 });
  t.match(second, { id: 165074, key: -2, mode: 0o3604 });
});

t.test('other tables have other names for the ID', async (t) => {
  t.match(parseSysv(msg), [{ id: 77, key: 5, columns: { qnum: 2, cbytes: 6, lspid: 5908 } }]);
});

t.test('a table without objects', async (t) => {
  t.strictSame(parseSysv(msg.split('\n')[0] ?? ''), []);
  t.strictSame(parseSysv(''), []);
});

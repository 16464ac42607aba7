// Which queue is filled first: that of a socket before those of the sockets in flight in it.
import t from 'tap';
import { outermostFirst, type UnixFile } from '../../../../src/target/resources/unix-order.ts';

/** `carries`: by id, which sockets are in flight in it. */
function sockets(carries: readonly (readonly number[])[]): UnixFile[] {
  return carries.map((files, id) => ({
    id,
    image: {
      kind: 'unix',
      type: 1,
      inode: BigInt(id),
      state: 'connected',
      backlog: 0,
      shutdown: 0,
      queue: [new Uint8Array(1)],
      ancillary: [{ message: 0, files: [...files] }],
      options: [],
    },
  }));
}
const orderOf = (carries: readonly (readonly number[])[]): number[] =>
  outermostFirst(sockets(carries)).map(({ id }) => id);

t.test('each comes before what it carries, wherever it stands in the list', (t) => {
  for (const carries of [
    [[1, 2], [3], [1], []],
    [[], [0], [0, 1], [2, 1]],
    [[2], [0], [], [1, 0, 99]],
  ]) {
    const order = orderOf(carries);
    t.same([...order].sort(), [0, 1, 2, 3]);
    for (const [id, files] of carries.entries())
      for (const file of files.filter((one) => one < 4)) t.ok(order.indexOf(id) < order.indexOf(file));
  }
  t.end();
});

t.test('circles come to an end, and a chain of a hundred thousand takes no stack', (t) => {
  t.same([...orderOf([[0, 1], [2], [0]])].sort(), [0, 1, 2]);
  const long = Array.from({ length: 100_000 }, (_, id) => (id === 0 ? [] : [id - 1]));
  t.equal(orderOf(long)[0], 99_999);
  t.end();
});

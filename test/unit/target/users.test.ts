// Who may restore whose processes.
import t from 'tap';
import { checkUsers } from '../../../src/target/check/users.ts';

const root = { uid: 0, gid: 0, groups: [], setuid: true, setgid: true };
const user = { uid: 1000, gid: 100, groups: [100, 27], setuid: false, setgid: false };
const none = { seccomp: false, capabilities: false };
const own = { uids: [1000], gids: [100], groups: [[27, 100]], ...none };

t.test('root restores everybody', (t) => {
  t.same(checkUsers({ uids: [0, 1000], gids: [5], groups: [[], [7]], ...none }, root), []);
  t.end();
});

t.test('a plain user restores own processes, in whatever order their groups are', (t) => {
  t.same(checkUsers(own, user), []);
  t.end();
});

t.test('all others are named, each with the capability that is missing', (t) => {
  const found = checkUsers(
    { uids: [1000, 0, 33], gids: [100, 33], groups: [[27, 100], [], [100]], ...none },
    user,
  );
  t.same(
    found.map(({ side, object, reason }) => [side, object, /CAP_[A-Z]+/.exec(reason)?.[0]]),
    [
      ['target', 'user 0', 'CAP_SETUID'],
      ['target', 'user 33', 'CAP_SETUID'],
      ['target', 'group 33', 'CAP_SETGID'],
      ['target', 'supplementary groups', 'CAP_SETGID'],
      ['target', 'supplementary groups', 'CAP_SETGID'],
    ],
  );
  t.match(found[3]?.reason, 'has none, receive has 27 100');
  t.end();
});
